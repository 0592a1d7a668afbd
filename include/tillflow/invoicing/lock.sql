-- name: lock_customer(customer)^
-- Whose turn is it? One at a time prepares, posts, discards or credits for a customer; until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('tillflow invoicing ' || :customer, 0));

-- name: customer_of(invoice_id)$
select buyer ->> 'key' from books.invoice where id = :invoice_id;

-- name: invoice(invoice_id)^
-- What has become of the invoice by now, and what did its preparation freeze?
select i.state, i.invoice_no, c.credit_no, i.reason, i.zone, i.payment_days, i.sale_rows, i.content_hash
from books.invoice as i
left join books.credit_note as c on c.invoice_id = i.id
where i.id = :invoice_id;
