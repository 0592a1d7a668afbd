-- Who may vend where and when; who of the operators may do what.

-- name: check_access()!
-- Which rows name an unknown customer, user or machine?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'access',
    s.row_no,
    'customer',
    'unknown_reference',
    'there is no customer "' || s.customer || '"',
    'customers'
from staged_access as s
where s.customer is not null and not exists (select from known_customers as k where k.key = s.customer)
union all
select
    'access',
    s.row_no,
    'user',
    'unknown_reference',
    'customer "' || s.customer || '" has no user "' || s."user" || '"',
    'users'
from staged_access as s
where
    s."user" is not null
    and exists (select from known_customers as k where k.key = s.customer)
    and not exists (select from known_users as k where k.customer = s.customer and k."user" = s."user")
union all
select
    'access',
    s.row_no,
    'equipment',
    'unknown_reference',
    'there is no equipment "' || s.equipment || '"',
    'equipment'
from staged_access as s
where s.equipment is not null and not exists (select from known_equipment as k where k.asset_no = s.equipment);

-- name: arrive_access()!
-- From when to when may each user vend at each machine? A day is one of the customer's zone; an owner
-- is the user and the machine in one number.
insert into arriving (file, row_no, owner, starts, ends)
select
    'access',
    s.row_no,
    (u.id::bigint << 32) + e.id,
    coalesce(pg_temp.instant(s.valid_from, c.zone), '-infinity'),
    coalesce(pg_temp.instant(s.valid_to, c.zone), 'infinity')
from staged_access as s
inner join portal.customer as c on c.key = s.customer
inner join portal.consumer as u on u.customer_id = c.id and u.key = s."user"
inner join portal.equipment as e on e.asset_no = s.equipment
where not exists (select from file_error as f where f.file = 'access' and f.row_no = s.row_no);

-- name: meet_access(absent)!
-- Which periods are stored of the same owners? Those with the same beginning are the same.
insert into period (file, row_no, stored_id, owner, starts, ends, stored_ends)
with stored as (
    select
        id,
        (consumer_id::bigint << 32) + equipment_id as owner,
        coalesce(lower(valid), '-infinity') as starts,
        coalesce(upper(valid), 'infinity') as ends
    from portal.access
    where (consumer_id::bigint << 32) + equipment_id in (select owner from arriving where file = 'access')
)

select
    'access',
    a.row_no,
    s.id,
    owner,
    starts,
    case when a.row_no is null or (s.id is not null and 'valid_to' = any(:absent)) then s.ends else a.ends end,
    s.ends
from (select * from arriving where file = 'access') as a
full join stored as s using (owner, starts);

-- name: judge_access()!
-- What does each row make of its access?
insert into change (file, row_no, key, before, after)
select
    'access',
    s.row_no,
    array[s.customer, s."user", s.equipment, pg_temp.said(p.starts)],
    case
        when p.stored_id is not null then jsonb_build_object(
            'customer', s.customer, 'user', s."user", 'equipment', s.equipment,
            'valid_from', nullif(p.starts, '-infinity'), 'valid_to', nullif(p.stored_ends, 'infinity')
        )
    end,
    jsonb_build_object(
        'customer', s.customer, 'user', s."user", 'equipment', s.equipment,
        'valid_from', nullif(p.starts, '-infinity'), 'valid_to', nullif(p.ends, 'infinity')
    )
from period as p
inner join staged_access as s on s.row_no = p.row_no
where p.file = 'access';

-- name: extend_access()!
-- Which stored access ends at another time? Beginnings never move, so this cannot overlap anything on
-- the way.
update portal.access as a
set valid = tstzrange(nullif(p.starts, '-infinity'), nullif(p.ends, 'infinity'))
from period as p
where p.file = 'access' and p.stored_id = a.id and p.ends <> p.stored_ends;

-- name: add_access()!
-- Which access is new?
insert into portal.access (consumer_id, equipment_id, valid)
select
    owner >> 32,
    owner & 4294967295,
    tstzrange(nullif(starts, '-infinity'), nullif(ends, 'infinity'))
from period
where file = 'access' and stored_id is null
-- by machine, then user: the index that refuses overlaps fills half as fast in the order of users
order by owner & 4294967295, owner >> 32;

-- name: check_operators()!
-- Which grants name what is unknown, or have another scope than their capability?
insert into file_error (file, row_no, column_name, code, message, refers_to)
with scoped as (
    select
        s.*,
        s.capability in ('offline_sales_upload', 'offline_sales_admin') as is_of_channel,
        s.capability = 'customer_user' as is_of_customer
    from staged_operators as s
    where not exists (select from file_error as f where f.file = 'operators' and f.row_no = s.row_no)
)

select
    'operators',
    row_no,
    'channel',
    'missing_value',
    capability || ' is granted for a channel; give its key',
    null
from scoped
where is_of_channel and channel is null
union all
select
    'operators',
    row_no,
    'channel',
    'bad_value',
    capability || ' is not granted for a channel; leave it blank',
    null
from scoped
where not is_of_channel and channel is not null
union all
select
    'operators',
    row_no,
    'customer',
    'missing_value',
    capability || ' is granted for a customer; give its key',
    null
from scoped
where is_of_customer and customer is null
union all
select
    'operators',
    row_no,
    'customer',
    'bad_value',
    capability || ' is not granted for a customer; leave it blank',
    null
from scoped
where not is_of_customer and customer is not null
union all
select
    'operators',
    s.row_no,
    'channel',
    'unknown_reference',
    'there is no channel "' || s.channel || '"',
    'channels'
from staged_operators as s
where s.channel is not null and not exists (select from known_channels as k where k.key = s.channel)
union all
select
    'operators',
    s.row_no,
    'customer',
    'unknown_reference',
    'there is no customer "' || s.customer || '"',
    'customers'
from staged_operators as s
where s.customer is not null and not exists (select from known_customers as k where k.key = s.customer);

-- name: judge_operators()!
-- Which grants are there already?
insert into change (file, row_no, key, before, after)
select
    'operators',
    s.row_no,
    array_remove(array[s.user_name, s.capability, s.channel, s.customer], null),
    case when o.id is not null then to_jsonb(s) - 'row_no' end,
    to_jsonb(s) - 'row_no'
from staged_operators as s
left join portal.channel as c on c.key = s.channel
left join portal.customer as m on m.key = s.customer
left join portal.operator as o
    on
        o.user_name = s.user_name and o.capability = s.capability
        and o.channel_id is not distinct from c.id and o.customer_id is not distinct from m.id
where s.user_name is not null and s.capability is not null;

-- name: write_operators()!
-- Which grants are new?
insert into portal.operator (user_name, capability, channel_id, customer_id)
select
    s.after ->> 'user_name',
    s.after ->> 'capability',
    c.id,
    m.id
from change as s
left join portal.channel as c on c.key = s.after ->> 'channel'
left join portal.customer as m on m.key = s.after ->> 'customer'
where
    s.file = 'operators' and s.before is null
    -- a channel or customer of a file with errors has not been written
    and (s.after ->> 'channel' is null or c.id is not null)
    and (s.after ->> 'customer' is null or m.id is not null)
order by s.row_no
on conflict (user_name, capability, channel_id, customer_id) do nothing;
