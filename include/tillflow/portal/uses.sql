-- Who still names a record? Each answer is a table with the key in it, or what of the books it is. Of every table at
-- most 100: they are for a person to read.

-- name: uses_of_channels(id)
-- Who may act for the channel, and what came from it?
(
    select
        'operators' as used_by,
        user_name || '/' || capability as key
    from portal.operator
    where channel_id = :id
    order by key
    limit 100
)
union all
select
    'imported files',
    null
where exists (select from intake.import where channel_id = :id);

-- name: uses_of_lotteries(id)
-- Which draws has the lottery?
select
    'draws' as used_by,
    draw_no::text as key
from portal.draw
where lottery_id = :id
order by draw_no
limit 100;

-- name: uses_of_draws(id)
-- What does the draw sell, and what has it sold?
(
    select
        'draw_products' as used_by,
        product as key
    from portal.draw_product
    where draw_id = :id
    order by key
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.offline_sale where draw_id = :id);

-- name: uses_of_draw_products(id)
-- Has it been sold?
select
    'sales in the books' as used_by,
    null as key
where exists (select from books.offline_sale where draw_product_id = :id);

-- name: uses_of_buyers(id)
-- Has the buyer bought anything?
select
    'sales in the books' as used_by,
    null as key
from portal.buyer as b
where
    b.id = :id
    and (
        exists (select from books.attribution as a where a.buyer_id = b.id)
        or exists (select from books.offline_sale as s where s.buyer_customer_id = b.customer_id)
    );

-- name: uses_of_customers(id)
-- What is the customer's?
(
    select
        'sites' as used_by,
        key
    from portal.site
    where customer_id = :id
    order by key
    limit 100
)
union all
(
    select
        'users',
        key
    from portal.consumer
    where customer_id = :id
    order by key
    limit 100
)
union all
(
    select
        'operators',
        user_name || '/' || capability
    from portal.operator
    where customer_id = :id
    order by 2
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.place where customer_id = :id)
union all
select
    'exceptions',
    null
where exists (select from books.exception where customer_id = :id)
union all
select
    'reconciliations',
    null
where exists (select from books.reconciliation where customer_id = :id)
union all
select
    'invoices',
    null
where exists (select from books.invoice where customer_id = :id);

-- name: uses_of_sites(id)
-- Which machines stand or stood at the site?
(
    select
        'allocations' as used_by,
        e.asset_no || ' '
        || coalesce(
            'since ' || to_char(lower(a.valid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'for all time'
        ) as key
    from portal.allocation as a
    inner join portal.equipment as e on e.id = a.equipment_id
    where a.site_id = :id
    order by 2
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.place where site_id = :id)
union all
select
    'exceptions',
    null
where exists (select from books.exception where site_id = :id);

-- name: uses_of_equipment(id)
-- Where does the machine stand, what does it sell, who may vend there, and what has it sold?
(
    select
        'allocations' as used_by,
        s.key || ' '
        || coalesce(
            'since ' || to_char(lower(a.valid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'for all time'
        ) as key
    from portal.allocation as a
    inner join portal.site as s on s.id = a.site_id
    where a.equipment_id = :id
    order by lower(a.valid)
    limit 100
)
union all
(
    select
        'planograms',
        coalesce('since ' || to_char(lower(valid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'for all time')
    from portal.planogram
    where equipment_id = :id
    order by lower(valid)
    limit 100
)
union all
(
    select
        'access',
        c.key || '/' || u.key
    from portal.access as a
    inner join portal.consumer as u on u.id = a.consumer_id
    inner join portal.customer as c on c.id = u.customer_id
    where a.equipment_id = :id
    order by 2
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.place where equipment_id = :id)
union all
select
    'exceptions',
    null
where exists (select from books.exception where equipment_id = :id);

-- name: uses_of_products(id)
-- Which planograms have the product, and has it been sold?
(
    select
        'planograms' as used_by,
        e.asset_no || '/' || x.code || ' '
        || coalesce(
            'since ' || to_char(lower(g.valid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'for all time'
        ) as key
    from portal.selection as x
    inner join portal.planogram as g on g.id = x.planogram_id
    inner join portal.equipment as e on e.id = g.equipment_id
    where x.product_id = :id
    order by 2
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.item where product_id = :id);

-- name: uses_of_users(id)
-- Where may the user vend, and what has the user bought?
(
    select
        'access' as used_by,
        e.asset_no || ' '
        || coalesce(
            'since ' || to_char(lower(a.valid) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'for all time'
        ) as key
    from portal.access as a
    inner join portal.equipment as e on e.id = a.equipment_id
    where a.consumer_id = :id
    order by 2
    limit 100
)
union all
select
    'sales in the books',
    null
where exists (select from books.vendee where consumer_id = :id);
