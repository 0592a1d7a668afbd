-- name: freeze_places(assets)!
-- Names of the machines' places as they stand now; rows that exist already are left alone.
insert into books.place
(equipment_id, asset_no, site_id, site_key, site_name, customer_id, customer_key, customer_name)
select distinct e.id, e.asset_no, s.id, s.key, s.name, c.id, c.key, c.name
from portal.equipment as e
inner join portal.allocation as a on a.equipment_id = e.id
inner join portal.site as s on s.id = a.site_id
inner join portal.customer as c on c.id = s.customer_id
where e.asset_no = any(:assets)
except
select equipment_id, asset_no, site_id, site_key, site_name, customer_id, customer_key, customer_name
from books.place
on conflict do nothing;

-- name: freeze_items()!
-- Names of the products as they stand now.
insert into books.item (product_id, code, name)
select p.id, p.code, p.name from portal.product as p
except
select product_id, code, name from books.item
on conflict do nothing;

-- name: hosts(assets)
-- Which customers ever hosted the machines?
select distinct s.customer_id
from portal.equipment as e
inner join portal.allocation as a on a.equipment_id = e.id
inner join portal.site as s on s.id = a.site_id
where e.asset_no = any(:assets);

-- name: freeze_vendees(hosts)!
-- Names of these customers' users as they stand now.
insert into books.vendee (consumer_id, customer_id, key, name)
select u.id, u.customer_id, u.key, u.name
from portal.consumer as u
where u.customer_id = any(:hosts)
except
select consumer_id, customer_id, key, name from books.vendee
on conflict do nothing;

-- name: equipment(assets)
-- Which of the machines are known, and since when does each stand anywhere? (microseconds since 1970)
select
    e.asset_no, e.id as equipment_id,
    (extract(epoch from min(lower(a.valid))) * 1000000)::bigint as first_allocated_us
from portal.equipment as e
left join portal.allocation as a on a.equipment_id = e.id
where e.asset_no = any(:assets)
group by e.asset_no, e.id;

-- name: allocations(assets)
-- At which place did each machine stand, and when? Half-open, in microseconds since 1970.
with
machines as materialized (
    select e.id, e.asset_no from portal.equipment as e where e.asset_no = any(:assets)
)

select
    a.equipment_id, p.id as place_id, s.id as site_id, s.customer_id,
    (extract(epoch from lower(a.valid)) * 1000000)::bigint as from_us,
    coalesce((extract(epoch from upper(a.valid)) * 1000000)::bigint, 9223372036854775807) as until_us
from machines as e
inner join portal.allocation as a on a.equipment_id = e.id
inner join portal.site as s on s.id = a.site_id
inner join portal.customer as c on c.id = s.customer_id
inner join books.place as p
    on (p.equipment_id, p.asset_no, p.site_id, p.site_key, p.site_name, p.customer_id, p.customer_key, p.customer_name)
    = (e.id, e.asset_no, s.id, s.key, s.name, c.id, c.key, c.name);

-- name: selections(assets)
-- Which product stood behind each selection, at which price, and when? A planogram has many selections:
-- its period is worked out once.
with
planograms as materialized (
    select
        g.id, g.equipment_id,
        (extract(epoch from lower(g.valid)) * 1000000)::bigint as from_us,
        coalesce((extract(epoch from upper(g.valid)) * 1000000)::bigint, 9223372036854775807) as until_us
    from portal.equipment as e
    inner join portal.planogram as g on g.equipment_id = e.id
    where e.asset_no = any(:assets)
),

items as materialized (
    select p.id as product_id, p.code, i.id as item_id
    from portal.product as p
    inner join books.item as i on (i.product_id, i.code, i.name) = (p.id, p.code, p.name)
)

select g.equipment_id, s.code as selection, i.code as product_code, i.item_id, s.price_minor, g.from_us, g.until_us
from planograms as g
inner join portal.selection as s on s.planogram_id = g.id
inner join items as i on i.product_id = s.product_id;

-- name: consumers(hosts)
-- Who are the users of the customers, and how do they show themselves to a machine?
select
    u.customer_id, u.card_no, u.facility_id, u.access_code, u.pin_hash, u.id as consumer_id,
    v.id as vendee_id, lower(u.role) = 'consumer' as is_consumer
from portal.consumer as u
inner join books.vendee as v
    on (v.consumer_id, v.customer_id, v.key, v.name) = (u.id, u.customer_id, u.key, u.name)
where u.customer_id = any(:hosts);

-- name: access(assets)
-- Who may use each machine, and when? An access without dates covers all time.
select
    x.consumer_id, x.equipment_id,
    coalesce((extract(epoch from lower(x.valid)) * 1000000)::bigint, -9223372036854775807) as from_us,
    coalesce((extract(epoch from upper(x.valid)) * 1000000)::bigint, 9223372036854775807) as until_us
from portal.equipment as e
inner join portal.access as x on x.equipment_id = e.id
where e.asset_no = any(:assets);
