-- name: channel(channel_id)^
-- Which channel do the sales come from, and which zone are its days in?
select c.key, c.zone from portal.channel as c where c.id = :channel_id;

-- name: lotteries()
-- Which lotteries are active?
select l.id as lottery_id, l.key, l.currency, l.address_format, l.address_required
from portal.lottery as l
where l.active;

-- name: draws(now)
-- When is each draw open, and which is the next of its lottery? (microseconds since 1970, half-open)
with
periods as (
    select
        d.id, d.lottery_id, d.draw_no,
        coalesce((extract(epoch from lower(d.open_during)) * 1000000)::bigint, -9223372036854775807) as open_from_us,
        coalesce((extract(epoch from upper(d.open_during)) * 1000000)::bigint, 9223372036854775807) as open_until_us,
        d.open_during @> :now::timestamptz as is_open
    from portal.draw as d
)

select
    id as draw_id, lottery_id, draw_no::bigint as draw_no, open_from_us, open_until_us,
    is_open and row_number() over (partition by lottery_id, is_open order by open_until_us, draw_no) = 1 as is_next
from periods;

-- name: draw_products()
-- What is sold in each draw, at which price?
select p.id as draw_product_id, p.draw_id, p.product, p.price_minor from portal.draw_product as p;

-- name: buyers(customers)
-- Which of these buyers are known?
select b.customer_id, b.id as buyer_id from portal.buyer as b where b.customer_id = any(:customers);

-- name: days(days, zone)
-- When does each day begin in the zone?
select d.day, (extract(epoch from d.day::date::timestamp at time zone :zone) * 1000000)::bigint as start_us
from unnest(:days::text[]) as d (day);
