-- Who is invoiced, for which place, and which machine stands there when.

-- name: check_customers()!
-- Which limits are finer than the customer's currency?
insert into file_error (file, row_no, column_name, code, message)
select
    'customers',
    s.row_no,
    'approval_limit',
    'bad_value',
    '"' || s.approval_limit || '" has more decimal places than ' || s.currency || ' (' || e.places || ')'
from staged_customers as s
inner join exponent as e on e.currency = s.currency
where s.approval_limit is not null and pg_temp.minor(s.approval_limit, e.places) is null;

-- name: judge_customers(absent)!
-- What does each row make of its customer? A limit is compared and kept in minor units.
insert into change (file, row_no, key, before, after)
select
    'customers',
    s.row_no,
    array[s.customer],
    c.record,
    pg_temp.merged(
        c.record,
        to_jsonb(s) - 'approval_limit'
        || jsonb_build_object('approval_limit_minor', pg_temp.minor(s.approval_limit, e.places)),
        array_replace(:absent::text[], 'approval_limit', 'approval_limit_minor')
    )
from staged_customers as s
left join exponent as e on e.currency = s.currency
left join (
    select
        key,
        to_jsonb(m) - array['id', 'key'] || jsonb_build_object('customer', key) as record
    from portal.customer as m
) as c on c.key = s.customer
where s.customer is not null;

-- name: write_customers()!
-- Which customers are new or changed?
insert into portal.customer (
    key, name, zone, currency, billing_email, address_line_1, address_line_2, city, region, postcode, country, tax_id,
    payment_days, approval_limit_minor, billing_calendar, billing_from
)
select
    c.after ->> 'customer', n.name, n.zone, n.currency, n.billing_email, n.address_line_1, n.address_line_2, n.city,
    n.region, n.postcode, n.country, n.tax_id, n.payment_days, n.approval_limit_minor, n.billing_calendar,
    n.billing_from
from change as c
cross join jsonb_populate_record(null::portal.customer, c.after) as n
where c.file = 'customers' and c.before is distinct from c.after
order by c.row_no
on conflict (key) do update
set
    name = excluded.name,
    zone = excluded.zone,
    currency = excluded.currency,
    billing_email = excluded.billing_email,
    address_line_1 = excluded.address_line_1,
    address_line_2 = excluded.address_line_2,
    city = excluded.city,
    region = excluded.region,
    postcode = excluded.postcode,
    country = excluded.country,
    tax_id = excluded.tax_id,
    payment_days = excluded.payment_days,
    approval_limit_minor = excluded.approval_limit_minor,
    billing_calendar = excluded.billing_calendar,
    billing_from = excluded.billing_from;

-- name: check_provider()!
-- Would invoices and credit notes share their numbers?
insert into file_error (file, row_no, column_name, code, message)
select
    'provider',
    row_no,
    'credit_prefix',
    'bad_value',
    'credit notes need another prefix than invoices'
from staged_provider
where lower(invoice_prefix) = lower(credit_prefix);

-- name: judge_provider(absent)!
-- What does the row make of the provider?
insert into change (file, row_no, key, before, after)
select
    'provider',
    s.row_no,
    array[s.provider],
    p.record,
    pg_temp.merged(p.record, to_jsonb(s), :absent)
from staged_provider as s
left join (
    select key, to_jsonb(t) - array['id', 'key'] || jsonb_build_object('provider', key) as record
    from portal.provider as t
) as p on p.key = s.provider
where s.provider is not null;

-- name: write_provider()!
-- Is the provider changed?
insert into portal.provider (
    name, address_line_1, address_line_2, city, region, postcode, country, tax_id, registration_id, email, phone,
    electronic_address, electronic_scheme, payment_account, logo, invoice_prefix, credit_prefix
)
select
    n.name, n.address_line_1, n.address_line_2, n.city, n.region, n.postcode, n.country, n.tax_id, n.registration_id,
    n.email, n.phone, n.electronic_address, n.electronic_scheme, n.payment_account, n.logo, n.invoice_prefix,
    n.credit_prefix
from change as c
cross join jsonb_populate_record(null::portal.provider, c.after) as n
where c.file = 'provider' and c.before is distinct from c.after
on conflict (key) do update
set
    name = excluded.name,
    address_line_1 = excluded.address_line_1,
    address_line_2 = excluded.address_line_2,
    city = excluded.city,
    region = excluded.region,
    postcode = excluded.postcode,
    country = excluded.country,
    tax_id = excluded.tax_id,
    registration_id = excluded.registration_id,
    email = excluded.email,
    phone = excluded.phone,
    electronic_address = excluded.electronic_address,
    electronic_scheme = excluded.electronic_scheme,
    payment_account = excluded.payment_account,
    logo = excluded.logo,
    invoice_prefix = excluded.invoice_prefix,
    credit_prefix = excluded.credit_prefix;

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
