-- name: customer_of(invoice_id)$
select buyer ->> 'key' from books.invoice where id = :invoice_id;

-- name: record_denied(subject_key, actor, what, now)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, 'invoice', :subject_key, 'denied', :what);

-- name: list_invoices(customers, customer, status, before, most)
-- Which invoices may this person see, newest first? By the customer's id: behind row-level security no index is asked
-- for what is inside `buyer`. The status is that of books.invoice_status, which would look at each invoice again.
with page as materialized (
    select i.*
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
    p.id, p.buyer ->> 'key', p.buyer ->> 'name', p.currency, p.date_from, p.date_to,
    case when c.invoice_id is null then p.state else 'credited' end as status, p.invoice_no, p.invoice_date, p.due_date,
    c.credit_no, p.sale_rows, p.net_minor, p.tax_minor, p.total_minor, p.prepared_by, p.prepared_at, p.content_hash
from page as p
left join books.credit_note as c on c.invoice_id = p.id
order by p.id desc;

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
