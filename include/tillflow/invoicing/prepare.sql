-- name: find_customer(customer)^
-- Who is invoiced, where does its day begin, in which currency?
select id, zone, currency from portal.customer where key = :customer;

-- name: make_candidates()#
-- Every sale that the range is about, and why it stays out where it does.
create temporary table candidate (
    stream_id int not null, seq bigint not null, currency text not null, is_backdated boolean not null,
    is_late boolean not null, place_id int not null, item_id int not null, quantity int not null,
    unit_price_minor bigint not null, amount_minor bigint not null, tax_rate_bp smallint not null, why text
) on commit drop;
set local work_mem = '64MB';

-- name: gather(customer_id, date_from, date_to, range_from, range_to)!
-- What falls into the range? The later of vend and recording decides, so ranges without gaps share out every sale.
-- And what was committed too late for the posted invoice of its own range? No task runs as long as a day.
with own_place as (
    select id from books.place where customer_id = :customer_id
),

other_draft as (
    select id from books.invoice
    where
        customer_id = :customer_id and state = 'draft' and content_hash is not null
        and (date_from, date_to) <> (:date_from, :date_to)
),

in_range as (
    select s.*, false as is_late
    from books.vend_sale as s
    where
        s.place_id in (select id from own_place)
        and (s.recorded_at >= :range_from or s.vended_at >= :range_from)
        and s.recorded_at < :range_to and s.vended_at < :range_to
),

overtaken as (
    select distinct on (s.stream_id, s.seq) s.*, true as is_late
    from books.invoice as i
    inner join books.vend_sale as s
        on
            s.recorded_at >= i.prepared_at - interval '24 hours'
            and s.recorded_at < i.range_to and s.vended_at < i.range_to
            and greatest(s.recorded_at, s.vended_at) >= i.range_from
            and greatest(s.recorded_at, s.vended_at) < :range_from
    where
        i.customer_id = :customer_id and i.state = 'posted'
        and not exists (select from books.credit_note as c where c.invoice_id = i.id)
        and i.prepared_at - interval '24 hours' < i.range_to
        and s.place_id in (select id from own_place)
        and not exists (
            select from other_draft as d
            inner join books.invoice_sale as x on x.invoice_id = d.id
            where x.stream_id = s.stream_id and x.seq = s.seq
        )
),

late_elsewhere as (
    select x.stream_id, x.seq
    from other_draft as d
    inner join books.invoice_sale as x on x.invoice_id = d.id and x.is_late
),

judged as (
    select
        s.*,
        coalesce(t.tax_rate_bp, 0)::smallint as tax_rate_bp,
        case
            when h.invoice_id is not null then 'invoiced'
            when t.not_invoiced_from <= s.vended_at then 'excluded'
            when l.seq is not null then 'in another draft'
        end as why
    from (select * from in_range union all select * from overtaken) as s
    inner join books.item as i on i.id = s.item_id
    left join portal.product as t on t.id = i.product_id
    left join books.invoiced_sale as h on h.stream_id = s.stream_id and h.seq = s.seq
    left join late_elsewhere as l on l.stream_id = s.stream_id and l.seq = s.seq
)

insert into candidate (
    stream_id, seq, currency, is_backdated, is_late, place_id, item_id, quantity, unit_price_minor, amount_minor,
    tax_rate_bp, why
)
select
    stream_id, seq, currency, vended_at < :range_from, is_late, place_id, item_id, quantity, unit_price_minor,
    amount_minor, tax_rate_bp, why
from judged
where why is null or not is_late;

-- name: analyze_candidates()#
analyze candidate;

-- name: currencies(customer_id, currency, date_from, date_to)
-- In which currencies is there something to prepare, or a draft to replace? The customer's own comes first.
select c.currency, c.currency = :currency or bool_or(c.has_sales) as is_wanted
from (
    select currency, true as has_sales from candidate where why is null
    union all
    select currency, false
    from books.invoice
    where
        customer_id = :customer_id and date_from = :date_from and date_to = :date_to
        and state = 'draft' and content_hash is not null
    union all
    select :currency, false
) as c
group by c.currency
order by c.currency <> :currency, c.currency;

-- name: standing_draft(customer_id, currency, date_from, date_to)^
-- Which draft is there of the range?
select id, content_hash
from books.invoice
where
    customer_id = :customer_id and currency = :currency and date_from = :date_from and date_to = :date_to
    and state = 'draft' and content_hash is not null;

-- name: begin_draft(customer_id, currency, date_from, date_to, zone, range_from, range_to, actor, now)$
-- Who invoices whom, as of now?
insert into books.invoice (
    customer_id, currency, date_from, date_to, zone, range_from, range_to, seller, buyer, payment_days, prepared_by,
    prepared_at
)
select
    c.id, :currency, :date_from, :date_to, :zone, :range_from, :range_to,
    coalesce(
        to_jsonb(p) - array['id', 'key', 'invoice_prefix', 'credit_prefix'],
        '{"name": "[provider.csv has not been imported]"}'
    ),
    jsonb_build_object(
        'key', c.key, 'name', c.name, 'address_line_1', c.address_line_1, 'address_line_2', c.address_line_2,
        'city', c.city, 'region', c.region, 'postcode', c.postcode, 'country', c.country, 'tax_id', c.tax_id,
        'email', c.billing_email
    ),
    c.payment_days, :actor, :now
from portal.customer as c
left join portal.provider as p on true
where c.id = :customer_id
returning id;

-- name: freeze_sales(invoice_id, currency)!
-- Which sales does it hold?
insert into books.invoice_sale (invoice_id, stream_id, seq, tax_rate_bp, is_backdated, is_late)
select :invoice_id, stream_id, seq, tax_rate_bp, is_backdated, is_late
from candidate
where currency = :currency and why is null
order by stream_id, seq;

-- name: write_lines(invoice_id, currency)!
-- What was sold where, of what, at which price? Names as they stood at the last of the sales.
with sold as (
    select
        c.is_backdated,
        max(c.place_id) as place_id,
        max(c.item_id) as item_id,
        c.unit_price_minor,
        c.tax_rate_bp,
        sum(c.quantity) as quantity,
        sum(c.amount_minor) as net_minor,
        count(*) as sale_rows
    from candidate as c
    inner join books.place as p on p.id = c.place_id
    inner join books.item as i on i.id = c.item_id
    where c.currency = :currency and c.why is null
    group by
        c.is_backdated, p.site_id, p.equipment_id, i.product_id, c.unit_price_minor, c.tax_rate_bp, c.quantity < 0
)

insert into books.invoice_line (
    invoice_id, line_no, is_backdated, site_key, site_name, asset_no, product_code, product_name, quantity,
    unit_price_minor, net_minor, tax_rate_bp, sale_rows
)
select
    :invoice_id,
    row_number() over (
        order by
            s.is_backdated, p.site_name collate "C", p.site_id, p.asset_no collate "C", i.name collate "C",
            i.product_id, s.unit_price_minor, s.tax_rate_bp, s.quantity < 0
    ),
    s.is_backdated, p.site_key, p.site_name, p.asset_no, i.code, i.name, s.quantity, s.unit_price_minor, s.net_minor,
    s.tax_rate_bp, s.sale_rows
from sold as s
inner join books.place as p on p.id = s.place_id
inner join books.item as i on i.id = s.item_id;

-- name: write_taxes(invoice_id)!
-- How much tax at each rate? Rounded once, on the sum, half away from zero.
insert into books.invoice_tax (invoice_id, tax_rate_bp, net_minor, tax_minor)
select invoice_id, tax_rate_bp, sum(net_minor), round(sum(net_minor) * tax_rate_bp / 10000.0)
from books.invoice_line
where invoice_id = :invoice_id
group by invoice_id, tax_rate_bp;

-- name: list_left_out(invoice_id, currency)!
-- What of the range is not in it, by product?
insert into books.invoice_left_out (invoice_id, why, product_code, product_name, quantity, net_minor, sale_rows)
select :invoice_id, c.why, i.code, max(i.name), sum(c.quantity), sum(c.amount_minor), count(*)
from candidate as c
inner join books.item as i on i.id = c.item_id
where c.currency = :currency and c.why is not null
group by c.why, i.code;

-- name: hash_of(invoice_id)$
select books.snapshot_hash(:invoice_id);

-- name: complete_draft(invoice_id, content_hash)!
-- What does it come to? From now on nothing of the draft changes.
update books.invoice as i
set
    content_hash = :content_hash,
    sale_rows = l.sale_rows,
    net_minor = l.net_minor,
    tax_minor = t.tax_minor,
    total_minor = l.net_minor + t.tax_minor
from (
    select coalesce(sum(sale_rows), 0) as sale_rows, coalesce(sum(net_minor), 0) as net_minor
    from books.invoice_line where invoice_id = :invoice_id
) as l
cross join (select coalesce(sum(tax_minor), 0) as tax_minor from books.invoice_tax where invoice_id = :invoice_id) as t
where i.id = :invoice_id;

-- name: record_prepared(invoice_id, now, actor)!
insert into history.event (happened_at, actor, subject, subject_key, action, after)
select
    :now, :actor, 'invoice', id::text, 'prepared',
    jsonb_build_object(
        'customer', buyer ->> 'key', 'from', date_from, 'to', date_to, 'currency', currency, 'sales', sale_rows,
        'total_minor', total_minor
    )
from books.invoice
where id = :invoice_id;

-- name: prepared(invoice_id)^
-- What does the draft come to?
select
    i.id, i.currency, i.sale_rows, i.net_minor, i.tax_minor, i.total_minor,
    coalesce(sum(l.sale_rows) filter (where not l.is_backdated), 0)::bigint as current_rows,
    coalesce(sum(l.net_minor) filter (where not l.is_backdated), 0)::bigint as current_minor,
    coalesce(sum(l.sale_rows) filter (where l.is_backdated), 0)::bigint as backdated_rows,
    coalesce(sum(l.net_minor) filter (where l.is_backdated), 0)::bigint as backdated_minor
from books.invoice as i
left join books.invoice_line as l on l.invoice_id = i.id
where i.id = :invoice_id
group by i.id;
