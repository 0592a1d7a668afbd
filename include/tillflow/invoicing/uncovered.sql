-- name: uncovered(customers)
-- Which billable sales are in no draft and no invoice that stands, and why?
with standing as (
    select i.id, i.customer_id, i.state, i.range_from, i.range_to
    from books.invoice as i
    where
        (i.state = 'draft' and i.content_hash is not null)
        or (i.state = 'posted' and not exists (select from books.credit_note as c where c.invoice_id = i.id))
),

edges as (
    select s.customer_id, max(s.range_to) as last_range_to, array_agg(distinct e.edge order by e.edge) as edges
    from standing as s
    cross join lateral (values (s.range_from), (s.range_to)) as e (edge)
    group by s.customer_id
),

in_draft as (
    select distinct x.stream_id, x.seq
    from standing as d
    inner join books.invoice_sale as x on x.invoice_id = d.id
    where d.state = 'draft'
),

open_sale as (
    select
        p.customer_id,
        s.currency,
        s.amount_minor,
        greatest(s.vended_at, s.recorded_at) as falls_at
    from books.vend_sale as s
    inner join books.place as p on p.id = s.place_id
    inner join books.item as i on i.id = s.item_id
    inner join portal.customer as c on c.id = p.customer_id
    left join portal.product as t on t.id = i.product_id
    left join books.invoiced_sale as h on h.stream_id = s.stream_id and h.seq = s.seq
    left join in_draft as d on d.stream_id = s.stream_id and d.seq = s.seq
    where
        h.seq is null and d.seq is null
        and (t.not_invoiced_from is null or t.not_invoiced_from > s.vended_at)
        and (:customers::text[] is null or c.key = any(:customers))
),

-- what falls between two edges is uncovered for one and the same reason
span as (
    select
        o.customer_id,
        o.currency,
        e.last_range_to,
        count(*) as sale_rows,
        sum(o.amount_minor) as amount_minor,
        min(o.falls_at) as first_at,
        max(o.falls_at) as last_at
    from open_sale as o
    left join edges as e on e.customer_id = o.customer_id
    group by o.customer_id, o.currency, e.last_range_to, width_bucket(o.falls_at, e.edges)
),

explained as (
    select
        s.*,
        coalesce(
            (
                -- a draft before an invoice: it can still be prepared again
                select min(case a.state when 'draft' then 'draft' else 'missed' end)
                from standing as a
                where a.customer_id = s.customer_id and s.first_at >= a.range_from and s.first_at < a.range_to
            ),
            case when s.first_at < s.last_range_to then 'gap' else 'next' end
        ) as why
    from span as s
)

select
    c.key,
    e.currency,
    e.why,
    sum(e.sale_rows)::bigint,
    sum(e.amount_minor)::bigint,
    min(e.first_at),
    max(e.last_at)
from explained as e
inner join portal.customer as c on c.id = e.customer_id
group by c.key, e.currency, e.why
order by c.key, e.currency, e.why;
