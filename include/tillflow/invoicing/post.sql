-- name: hash_of(invoice_id)$
select books.snapshot_hash(:invoice_id);

-- name: hold_sales(invoice_id)!
-- Are the sales still free? Those that another invoice holds are not taken.
insert into books.invoiced_sale (stream_id, seq, invoice_id)
select stream_id, seq, invoice_id
from books.invoice_sale
where invoice_id = :invoice_id
order by stream_id, seq
on conflict (stream_id, seq) do nothing;

-- name: holders(invoice_id)
-- Which posted invoices hold some of its sales, and how many?
select i.invoice_no, count(*)::int as sales
from books.invoice_sale as x
inner join books.invoiced_sale as h on h.stream_id = x.stream_id and h.seq = x.seq and h.invoice_id <> x.invoice_id
inner join books.invoice as i on i.id = h.invoice_id
where x.invoice_id = :invoice_id
group by i.invoice_no
order by i.invoice_no;

-- name: mark_posted(invoice_id, number, invoice_date, due_date, actor, now)!
with posted as (
    update books.invoice
    set
        state = 'posted', invoice_no = :number, invoice_date = :invoice_date, due_date = :due_date,
        closed_by = :actor, closed_at = :now
    where id = :invoice_id and state = 'draft'
    returning *
)

insert into history.event (happened_at, actor, subject, subject_key, action, after)
select
    :now, :actor, 'invoice', id::text, 'posted',
    jsonb_build_object('invoice_no', invoice_no, 'sales', sale_rows, 'total_minor', total_minor, 'currency', currency)
from posted;
