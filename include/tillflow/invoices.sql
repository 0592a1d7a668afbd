-- name: customer_of(invoice_id)$
select buyer ->> 'key' from books.invoice where id = :invoice_id;

-- name: record_denied(subject_key, actor, what, now)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, 'invoice', :subject_key, 'denied', :what);

-- name: list_invoices(customers, customer, status, before, most)
-- Which invoices may this person see, newest first? By the customer's id: behind row-level security no index is asked
-- for what is inside `buyer`.
with page as materialized (
    select i.id
    from books.invoice as i
    where
        (
            :customers::text[] is null
            or i.customer_id = any(array(select c.id from portal.customer as c where c.key = any(:customers)))
        )
        and (
            :customer::text is null
            or i.customer_id = (select c.id from portal.customer as c where c.key = :customer)
        )
        and case coalesce(:status::text, '')
            when '' then true
            when 'posted' then i.state = 'posted' and i.id not in (select c.invoice_id from books.credit_note as c)
            when 'credited' then i.id in (select c.invoice_id from books.credit_note as c)
            else i.state = :status
        end
        and (:before::int is null or i.id < :before)
    order by i.id desc
    limit :most
)

select
    i.id, i.buyer ->> 'key', i.buyer ->> 'name', i.currency, i.date_from, i.date_to, s.status, i.invoice_no,
    i.invoice_date, i.due_date, c.credit_no, i.sale_rows, i.net_minor, i.tax_minor, i.total_minor, i.prepared_by,
    i.prepared_at, i.content_hash
from page as p
inner join books.invoice as i on i.id = p.id
inner join books.invoice_status as s on s.invoice_id = i.id
left join books.credit_note as c on c.invoice_id = i.id
order by i.id desc;

-- name: left_out(invoice_id)
-- What of its range is not in it, and why?
select why, product_code, product_name, quantity, net_minor, sale_rows
from books.invoice_left_out
where invoice_id = :invoice_id
order by why, product_code;

-- name: exceeds_limit(invoice_id)$
-- Is it more than the customer's limit? A limit in another currency cannot be compared, so it counts as exceeded.
select c.approval_limit_minor is not null and (i.currency <> c.currency or i.total_minor > c.approval_limit_minor)
from books.invoice as i
inner join portal.customer as c on c.id = i.customer_id
where i.id = :invoice_id;
