-- Who is invoiced, for which place, and which machine stands there when.

-- name: judge_customers(absent)!
-- What does each row make of its customer?
insert into change (file, row_no, key, before, after)
select
    'customers',
    s.row_no,
    array[s.customer],
    c.record,
    pg_temp.merged(c.record, to_jsonb(s), :absent)
from staged_customers as s
left join (
    select
        key,
        jsonb_build_object(
            'customer', key, 'name', name, 'zone', zone, 'currency', currency, 'billing_email', billing_email
        ) as record
    from portal.customer
) as c on c.key = s.customer
where s.customer is not null;

-- name: write_customers()!
-- Which customers are new or changed?
insert into portal.customer (key, name, zone, currency, billing_email)
select
    after ->> 'customer',
    after ->> 'name',
    after ->> 'zone',
    after ->> 'currency',
    after ->> 'billing_email'
from change
where file = 'customers' and before is distinct from after
order by row_no
on conflict (key) do update
set
    name = excluded.name,
    zone = excluded.zone,
    currency = excluded.currency,
    billing_email = excluded.billing_email;

-- name: check_sites()!
-- Which sites are of no known customer?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'sites',
    s.row_no,
    'customer',
    'unknown_reference',
    'there is no customer "' || s.customer || '"',
    'customers'
from staged_sites as s
where s.customer is not null and not exists (select from known_customers as k where k.key = s.customer);

-- name: judge_sites(absent)!
-- What does each row make of its site?
insert into change (file, row_no, key, before, after)
select
    'sites',
    s.row_no,
    array[s.site],
    t.record,
    pg_temp.merged(t.record, to_jsonb(s), :absent)
from staged_sites as s
left join (
    select
        t.key,
        jsonb_build_object('site', t.key, 'customer', c.key, 'name', t.name, 'zone', t.zone) as record
    from portal.site as t
    inner join portal.customer as c on c.id = t.customer_id
) as t on t.key = s.site
where s.site is not null;

-- name: write_sites()!
-- Which sites are new or changed?
insert into portal.site (key, customer_id, name, zone)
select
    s.after ->> 'site',
    c.id,
    s.after ->> 'name',
    s.after ->> 'zone'
from change as s
inner join portal.customer as c on c.key = s.after ->> 'customer'
where s.file = 'sites' and s.before is distinct from s.after
order by s.row_no
on conflict (key) do update
set customer_id = excluded.customer_id, name = excluded.name, zone = excluded.zone;

-- name: judge_equipment(absent)!
-- What does each row make of its machine?
insert into change (file, row_no, key, before, after)
select
    'equipment',
    s.row_no,
    array[s.equipment],
    e.record,
    pg_temp.merged(e.record, to_jsonb(s), :absent)
from staged_equipment as s
left join (
    select
        asset_no,
        jsonb_build_object(
            'equipment', asset_no, 'name', name, 'silent_after_hours', silent_after_hours
        ) as record
    from portal.equipment
) as e on e.asset_no = s.equipment
where s.equipment is not null;

-- name: write_equipment()!
-- Which machines are new or changed?
insert into portal.equipment (asset_no, name, silent_after_hours)
select
    after ->> 'equipment',
    after ->> 'name',
    (after ->> 'silent_after_hours')::int
from change
where file = 'equipment' and before is distinct from after
order by row_no
on conflict (asset_no) do update
set name = excluded.name, silent_after_hours = excluded.silent_after_hours;

-- name: check_allocations()!
-- Which allocations name an unknown machine or site?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'allocations',
    s.row_no,
    'equipment',
    'unknown_reference',
    'there is no equipment "' || s.equipment || '"',
    'equipment'
from staged_allocations as s
where s.equipment is not null and not exists (select from known_equipment as k where k.asset_no = s.equipment)
union all
select
    'allocations',
    s.row_no,
    'site',
    'unknown_reference',
    'there is no site "' || s.site || '"',
    'sites'
from staged_allocations as s
where s.site is not null and not exists (select from known_sites as k where k.key = s.site);

-- name: arrive_allocations()!
-- From when to when is each machine where? A day is one of the site's zone.
insert into arriving (file, row_no, owner, starts, ends)
select
    'allocations',
    s.row_no,
    e.id,
    pg_temp.instant(s.valid_from, t.zone),
    coalesce(pg_temp.instant(s.valid_to, t.zone), 'infinity')
from staged_allocations as s
inner join portal.equipment as e on e.asset_no = s.equipment
inner join portal.site as t on t.key = s.site
where
    s.valid_from is not null
    and not exists (select from file_error as f where f.file = 'allocations' and f.row_no = s.row_no);

-- name: meet_allocations(absent)!
-- Which periods are stored of the same owners? Those with the same beginning are the same.
insert into period (file, row_no, stored_id, owner, starts, ends, stored_ends)
with stored as (
    select
        id,
        equipment_id as owner,
        lower(valid) as starts,
        coalesce(upper(valid), 'infinity') as ends
    from portal.allocation
    where equipment_id in (select owner from arriving where file = 'allocations')
)

select
    'allocations',
    a.row_no,
    s.id,
    owner,
    starts,
    case when a.row_no is null or (s.id is not null and 'valid_to' = any(:absent)) then s.ends else a.ends end,
    s.ends
from (select * from arriving where file = 'allocations') as a
full join stored as s using (owner, starts);

-- name: judge_allocations()!
-- What becomes of each allocation, named by a row or ended by one?
insert into change (file, row_no, key, before, after, reason)
select
    'allocations',
    p.row_no,
    array[e.asset_no, pg_temp.said(p.starts)],
    case
        when p.stored_id is not null then jsonb_build_object(
            'equipment', e.asset_no, 'site', o.key, 'valid_from', p.starts,
            'valid_to', nullif(p.stored_ends, 'infinity')
        )
    end,
    jsonb_build_object(
        'equipment', e.asset_no, 'site', coalesce(s.site, o.key), 'valid_from', p.starts,
        'valid_to', nullif(p.ends, 'infinity')
    ),
    case when p.row_no is null then 'ended because the next period begins' end
from period as p
inner join portal.equipment as e on e.id = p.owner
left join staged_allocations as s on s.row_no = p.row_no
left join portal.allocation as a on a.id = p.stored_id
left join portal.site as o on o.id = a.site_id
where p.file = 'allocations' and (p.row_no is not null or p.ends <> p.stored_ends);

-- name: extend_allocations()!
-- Which stored allocations end at another time, or are at another site? Beginnings never move, so
-- this cannot overlap anything on the way.
update portal.allocation as a
set site_id = n.site_id, valid = tstzrange(n.starts, nullif(n.ends, 'infinity'))
from (
    select
        p.stored_id,
        p.starts,
        p.ends,
        coalesce(t.id, o.site_id) as site_id,
        p.ends <> p.stored_ends or t.id <> o.site_id as is_changed
    from period as p
    inner join portal.allocation as o on o.id = p.stored_id
    left join staged_allocations as s on s.row_no = p.row_no
    left join portal.site as t on t.key = s.site
    where p.file = 'allocations'
) as n
where n.is_changed and a.id = n.stored_id;

-- name: add_allocations()!
-- Which allocations are new?
insert into portal.allocation (equipment_id, site_id, valid)
select
    p.owner,
    t.id,
    tstzrange(p.starts, nullif(p.ends, 'infinity'))
from period as p
inner join staged_allocations as s on s.row_no = p.row_no
inner join portal.site as t on t.key = s.site
where p.file = 'allocations' and p.stored_id is null
order by p.row_no;
