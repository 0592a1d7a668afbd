-- Who may vend, and how they are known.

-- name: check_users()!
-- Which rows name no known customer, or only half of what identifies a user?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'users',
    s.row_no,
    'customer',
    'unknown_reference',
    'there is no customer "' || s.customer || '"',
    'customers'
from staged_users as s
where s.customer is not null and not exists (select from known_customers as k where k.key = s.customer);

-- name: judge_users(absent)!
-- What does each row make of its user? A card without facility has the facility '', which is not 0. A
-- PIN cannot be read back, so a blank one beside an access code leaves the PIN as it is.
insert into change (file, row_no, key, before, after)
with merged as (
    select
        s.row_no,
        s.customer,
        s."user",
        u.record as before,
        pg_temp.merged(u.record, to_jsonb(s), :absent) as after
    from staged_users as s
    left join (
        select
            c.key as customer,
            u.key,
            jsonb_build_object(
                'customer', c.key, 'user', u.key, 'name', u.name, 'email', u.email, 'role', u.role,
                'card_no', u.card_no, 'facility_id', u.facility_id, 'access_code', u.access_code,
                'pin', u.pin_hash
            ) as record
        from portal.consumer as u
        inner join portal.customer as c on c.id = u.customer_id
    ) as u on u.customer = s.customer and u.key = s."user"
    where s.customer is not null and s."user" is not null
)

select
    'users',
    row_no,
    array[customer, "user"],
    before,
    after || jsonb_build_object(
        'facility_id', case when after ->> 'card_no' is not null then coalesce(after ->> 'facility_id', '') end,
        'pin', case
            when after ->> 'access_code' is not null then coalesce(after ->> 'pin', before ->> 'pin')
        end
    )
from merged;

-- name: identify_users()!
-- Whose card or access code is incomplete, or already somebody else's of the same customer?
insert into file_error (file, row_no, column_name, code, message)
with arriving as (
    select
        c.row_no,
        c.after ->> 'customer' as customer,
        c.after ->> 'user' as "user",
        c.after ->> 'card_no' as card_no,
        c.after ->> 'facility_id' as facility_id,
        c.after ->> 'access_code' as access_code,
        c.after ->> 'pin' as pin,
        s.facility_id as given_facility,
        s.pin as given_pin
    from change as c
    inner join staged_users as s on s.row_no = c.row_no
    where c.file = 'users'
),

everyone as (
    select
        row_no,
        customer,
        "user",
        card_no,
        facility_id,
        access_code,
        pin
    from arriving
    union all
    select
        null,
        c.key,
        u.key,
        u.card_no,
        u.facility_id,
        u.access_code,
        u.pin_hash::text
    from portal.consumer as u
    inner join portal.customer as c on c.id = u.customer_id
    where
        c.key in (select customer from arriving)
        and not exists (select from arriving as a where a.customer = c.key and a."user" = u.key)
),

cards as (
    select
        *,
        first_value("user") over same as first_user,
        row_number() over same as place
    from everyone
    where card_no is not null
    window same as (partition by customer, card_no, facility_id order by row_no nulls first)
),

codes as (
    select
        *,
        first_value("user") over same as first_user,
        row_number() over same as place
    from everyone
    where access_code is not null and pin is not null
    window same as (partition by customer, access_code, pin order by row_no nulls first)
)

select
    'users',
    row_no,
    'card_no',
    'missing_value',
    'a facility_id is given without a card_no'
from arriving
where card_no is null and given_facility is not null
union all
select
    'users',
    row_no,
    'access_code',
    'missing_value',
    'a PIN is given without an access_code'
from arriving
where access_code is null and given_pin is not null
union all
select
    'users',
    row_no,
    'pin',
    'missing_value',
    'an access_code is given without a PIN, and none is stored'
from arriving
where access_code is not null and pin is null
union all
select
    'users',
    row_no,
    'card_no',
    'taken_value',
    'the card ending in ' || right(card_no, least(4, length(card_no) / 2)) || ' with this facility_id is that of user "'
    || first_user || '"'
from cards
where place > 1
union all
select
    'users',
    row_no,
    'access_code',
    'taken_value',
    'the access code with this PIN is that of user "' || first_user || '"'
from codes
where place > 1;

-- name: release_users()!
-- Whose card or access code changes? They are given back first, so that two users can swap them.
update portal.consumer as u
set card_no = null, facility_id = null, access_code = null, pin_hash = null
from change as c
inner join portal.customer as m on m.key = c.before ->> 'customer'
where
    c.file = 'users' and u.customer_id = m.id and u.key = c.before ->> 'user'
    and (
        c.before ->> 'card_no', c.before ->> 'facility_id', c.before ->> 'access_code', c.before ->> 'pin'
    ) is distinct from (
        c.after ->> 'card_no', c.after ->> 'facility_id', c.after ->> 'access_code', c.after ->> 'pin'
    );

-- name: write_users()!
-- Which users are new or changed?
insert into portal.consumer (
    customer_id, key, name, email, role, card_no, facility_id, access_code, pin_hash
)
select
    m.id,
    c.after ->> 'user',
    c.after ->> 'name',
    c.after ->> 'email',
    c.after ->> 'role',
    c.after ->> 'card_no',
    c.after ->> 'facility_id',
    c.after ->> 'access_code',
    (c.after ->> 'pin')::uuid
from change as c
inner join portal.customer as m on m.key = c.after ->> 'customer'
where c.file = 'users' and c.before is distinct from c.after
order by c.row_no
on conflict (customer_id, key) do update
set
    name = excluded.name,
    email = excluded.email,
    role = excluded.role,
    card_no = excluded.card_no,
    facility_id = excluded.facility_id,
    access_code = excluded.access_code,
    pin_hash = excluded.pin_hash;
