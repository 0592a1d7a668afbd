-- name: billing_address(invoice_id)$
-- Where does the customer want invoices by now?
select c.billing_email
from books.invoice as i
inner join portal.customer as c on c.id = i.customer_id
where i.id = :invoice_id;

-- name: is_queued(topic)$
select exists(select from mail.message where topic = :topic);

-- name: unannounced()
-- Which invoices and credit notes has nobody been told of? Their mail is the last thing that happens to them.
select i.id, false as is_credit_note
from books.invoice as i
where i.state = 'posted' and not exists (select from mail.message as m where m.topic = 'invoice:' || i.id || ':result')
union all
select c.invoice_id, true
from books.credit_note as c
where not exists (select from mail.message as m where m.topic = 'credit_note:' || c.invoice_id || ':result')
order by 1, 2;
