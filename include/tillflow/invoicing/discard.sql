-- name: release_sales(invoice_id)!
-- What did the draft hold? Its lines stay, as a record.
delete from books.invoice_sale where invoice_id = :invoice_id;

-- name: close_draft(invoice_id, actor, now, reason)!
with discarded as (
    update books.invoice
    set state = 'discarded', closed_by = :actor, closed_at = :now, reason = :reason
    where id = :invoice_id and state = 'draft'
    returning id
)

insert into history.event (happened_at, actor, subject, subject_key, action, reason)
select :now, :actor, 'invoice', id::text, 'discarded', :reason from discarded;
