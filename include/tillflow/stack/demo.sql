-- name: imports()
-- What became of each file, in the order of arrival?
select i.id, i.kind, i.file_name, i.received_at, s.status
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
order by i.id;

-- name: rows_of(import_id)
-- What became of each row of an import?
select s.row_no, 'sale' as verdict, '{}'::text[] as reasons, s.currency, s.amount_minor
from books.sale as s
where s.import_id = :import_id
union all
select t.row_no, t.verdict, coalesce(e.reasons, '{}'), t.currency, t.amount_minor
from intake.transaction as t
left join books.exception as e on e.import_id = t.import_id and e.row_no = t.row_no
where t.import_id = :import_id
order by row_no;

-- name: first_errors()
-- Why was each refused file refused?
select e.import_id, e.code, count(*) from intake.file_error as e
group by e.import_id, e.code
order by e.import_id, e.code;

-- name: reasons()
-- How many exceptions are open for each reason?
select r.reason, count(*)
from books.exception as e
cross join lateral unnest(e.reasons) as r (reason)
where e.state = 'open'
group by r.reason
order by 2 desc, 1;

-- name: payments()
-- How far is each kind of payment?
select p.payment_type, p.state, p.currency, count(*)::int, sum(p.amount_minor)::bigint
from books.payment as p
group by p.payment_type, p.state, p.currency
order by p.payment_type, p.state, p.currency;

-- name: charging()$
-- How many cards wait for a charge or an answer?
select count(*)::int from books.payment as p where p.state in ('due', 'in_flight', 'retry_wait', 'unknown');

-- name: first_cheque()$
-- Which cheque waits for approval?
select min(p.id) from books.payment as p where p.state = 'received' and p.payment_type = 'CHQ';

-- name: card_payments()
-- What became of each card?
select p.seq as order_id, p.key::text as key, p.card_token, p.state, p.product_state
from books.payment as p
where p.payment_type = 'CC'
order by p.seq;

-- name: entries()
-- Which entries has each draw given away?
select a.draw_id, lower(a.entries), upper(a.entries) from books.attribution as a order by a.draw_id, lower(a.entries);

-- name: reconciliations()
-- What came of each reconciliation?
select r.attempted, r.reconciled, r.failed from books.reconciliation as r order by r.id;

-- name: mails()
-- Which mails were queued, and are they sent?
select m.subject, m.message_id, m.sent_at is not null from mail.message as m order by m.id;

-- name: draft(customer)$
-- Which draft waits for the customer?
select max(i.id) from books.invoice as i where i.state = 'draft' and i.buyer ->> 'key' = :customer;

-- name: billable(customer, first_day)
-- What must an invoice of everything from that day on hold, by part? From the sales alone.
select
    s.vended_at < (:first_day::date)::timestamp at time zone c.zone as is_backdated,
    count(*)::int,
    sum(s.amount_minor)::bigint
from books.vend_sale as s
inner join books.place as p on p.id = s.place_id
inner join portal.customer as c on c.id = p.customer_id
inner join books.item as i on i.id = s.item_id
inner join portal.product as t on t.id = i.product_id
where c.key = :customer and (t.not_invoiced_from is null or s.vended_at < t.not_invoiced_from)
group by 1
order by 1;

-- name: invoiced(number)
-- What does the invoice say, by part?
select l.is_backdated, sum(l.sale_rows)::int, sum(l.net_minor)::bigint
from books.invoice as i
inner join books.invoice_line as l on l.invoice_id = i.id
where i.invoice_no = :number
group by 1
order by 1;

-- name: held(number)$
-- How many sales does it hold?
select count(*)::int
from books.invoice as i
inner join books.invoiced_sale as h on h.invoice_id = i.id
where i.invoice_no = :number;

-- name: invoices()
-- Which invoices were posted?
select
    i.invoice_no, i.buyer ->> 'name', i.currency, i.net_minor, i.tax_minor, i.total_minor,
    sum(l.sale_rows) filter (where not l.is_backdated)::int,
    coalesce(sum(l.net_minor) filter (where not l.is_backdated), 0)::bigint,
    sum(l.sale_rows) filter (where l.is_backdated)::int,
    coalesce(sum(l.net_minor) filter (where l.is_backdated), 0)::bigint
from books.invoice as i
inner join books.invoice_line as l on l.invoice_id = i.id
where i.state = 'posted'
group by i.id
order by i.id;
