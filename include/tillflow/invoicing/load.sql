-- name: invoice(invoice_id)^
-- What stands on the invoice, and what became of it?
select
    i.id, i.currency, i.date_from, i.date_to, i.state, i.invoice_no, i.invoice_date, i.due_date, i.payment_days,
    i.seller, i.buyer, c.credit_no, c.credit_date, c.reason
from books.invoice as i
left join books.credit_note as c on c.invoice_id = i.id
where i.id = :invoice_id;

-- name: lines(invoice_id)
select
    is_backdated, site_key, site_name, asset_no, product_code, product_name, quantity, unit_price_minor, net_minor,
    tax_rate_bp
from books.invoice_line
where invoice_id = :invoice_id
order by line_no;

-- name: excluded(invoice_id)
-- Which products were sold in the range and are by agreement not invoiced?
select product_code, product_name, quantity, net_minor
from books.invoice_left_out
where invoice_id = :invoice_id and why = 'excluded'
order by product_code;

-- name: sales(invoice_id)
-- Every sale of the invoice, in the order of its sites, machines and vends, with the names of then.
select
    s.vended_at, s.recorded_at, x.is_backdated, p.site_key, p.site_name, p.asset_no, s.selection, i.code, i.name,
    s.quantity, s.unit_price_minor, s.amount_minor, s.currency, x.tax_rate_bp, v.key, v.name, s.import_id, s.row_no,
    coalesce(t.zone, n.zone) as zone
from books.invoice_sale as x
inner join books.invoice as n on n.id = x.invoice_id
inner join books.vend_sale as s on s.stream_id = x.stream_id and s.seq = x.seq
inner join books.place as p on p.id = s.place_id
inner join books.item as i on i.id = s.item_id
inner join books.vendee as v on v.id = s.vendee_id
left join portal.site as t on t.id = p.site_id
where x.invoice_id = :invoice_id
order by x.is_backdated, p.site_name, p.site_key, p.asset_no, s.vended_at, x.stream_id, x.seq;
