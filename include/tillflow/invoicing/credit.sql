-- name: record_credit(invoice_id, number, credit_date, reason, actor, now)!
with credited as (
    insert into books.credit_note (invoice_id, credit_no, credit_date, reason, credited_by, credited_at)
    values (:invoice_id, :number, :credit_date, :reason, :actor, :now)
    returning *
)

insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
select :now, :actor, 'invoice', invoice_id::text, 'credited', :reason, jsonb_build_object('credit_no', credit_no)
from credited;

-- name: let_go(invoice_id)!
-- Which sales are free for another invoice?
delete from books.invoiced_sale as h
using books.invoice_sale as x
where x.invoice_id = :invoice_id and h.stream_id = x.stream_id and h.seq = x.seq and h.invoice_id = x.invoice_id;
