-- name: customers(is_every_customer, customers)
-- Whose machines may be chosen?
select c.key, c.name from portal.customer as c
where :is_every_customer or c.key = any(:customers)
order by c.name, c.key
limit 1000;

-- name: sites(customer)
-- Which sites has the customer?
select s.key, s.name from portal.site as s
inner join portal.customer as c on c.id = s.customer_id
where c.key = :customer
order by s.name, s.key
limit 1000;

-- name: machines(customer, site)
-- Which machines ever stood at the site?
select distinct e.asset_no, e.asset_no || ' · ' || e.name as name from portal.equipment as e
inner join portal.allocation as a on a.equipment_id = e.id
inner join portal.site as s on s.id = a.site_id
inner join portal.customer as c on c.id = s.customer_id
where c.key = :customer and s.key = :site
order by e.asset_no
limit 1000;

-- name: machines_nowhere()
-- Which machines have open exceptions that belong to no customer? From one to the next in the index, for a machine
-- may have any number of them.
with recursive waiting as (
    select min(x.asset_no) as asset_no
    from books.exception as x
    where x.state = 'open' and x.kind = 'equipment_sync' and x.customer_id is null
    union all
    select (
        select min(x.asset_no)
        from books.exception as x
        where
            x.state = 'open' and x.kind = 'equipment_sync' and x.customer_id is null
            and x.asset_no > w.asset_no
    )
    from waiting as w
    where w.asset_no is not null
)

select
    w.asset_no,
    w.asset_no || ' · '
    || coalesce((select e.name from portal.equipment as e where e.asset_no = w.asset_no), 'not in the portal') as name
from (select asset_no from waiting where asset_no is not null limit 1000) as w
order by w.asset_no;
