-- Where offline sales come from and what they sell: channels, lotteries, draws, their products, buyers.

-- name: judge_channels(absent)!
-- What does each row make of its channel?
insert into change (file, row_no, key, before, after)
select
    'channels',
    s.row_no,
    array[s.channel],
    c.record,
    pg_temp.merged(c.record, to_jsonb(s), :absent)
from staged_channels as s
left join (
    select
        key,
        jsonb_build_object(
            'channel', key, 'name', name, 'zone', zone, 'max_row_errors', max_row_errors
        ) as record
    from portal.channel
) as c on c.key = s.channel
where s.channel is not null;

-- name: write_channels()!
-- Which channels are new or changed?
insert into portal.channel (key, name, zone, max_row_errors)
select
    after ->> 'channel',
    after ->> 'name',
    after ->> 'zone',
    (after ->> 'max_row_errors')::int
from change
where file = 'channels' and before is distinct from after
order by row_no
on conflict (key) do update
set name = excluded.name, zone = excluded.zone, max_row_errors = excluded.max_row_errors;

-- name: check_lotteries()!
-- Which lotteries would change the currency in which their products are priced?
insert into file_error (file, row_no, column_name, code, message)
select
    'lotteries',
    s.row_no,
    'currency',
    'bad_value',
    'the products of "' || s.lottery || '" are priced in ' || l.currency || '; their lottery keeps its currency'
from staged_lotteries as s
inner join portal.lottery as l on l.key = s.lottery and l.currency <> s.currency
where exists (
    select from portal.draw as d
    inner join portal.draw_product as p on p.draw_id = d.id
    where d.lottery_id = l.id
);

-- name: judge_lotteries(absent)!
-- What does each row make of its lottery?
insert into change (file, row_no, key, before, after)
select
    'lotteries',
    s.row_no,
    array[s.lottery],
    l.record,
    pg_temp.merged(l.record, to_jsonb(s), :absent)
from staged_lotteries as s
left join (
    select
        key,
        jsonb_build_object(
            'lottery', key, 'name', name, 'currency', currency, 'address_format', address_format,
            'address_required', address_required, 'active', active
        ) as record
    from portal.lottery
) as l on l.key = s.lottery
where s.lottery is not null;

-- name: write_lotteries()!
-- Which lotteries are new or changed?
insert into portal.lottery (key, name, currency, address_format, address_required, active)
select
    after ->> 'lottery',
    after ->> 'name',
    after ->> 'currency',
    after ->> 'address_format',
    (after ->> 'address_required')::boolean,
    (after ->> 'active')::boolean
from change
where file = 'lotteries' and before is distinct from after
order by row_no
on conflict (key) do update
set
    name = excluded.name,
    currency = excluded.currency,
    address_format = excluded.address_format,
    address_required = excluded.address_required,
    active = excluded.active;

-- name: check_draws()!
-- Which draws are of no known lottery, close before they open, or allow fewer entries than they have given? Whoever
-- is giving entries is waited for, and waits.
insert into file_error (file, row_no, column_name, code, message, refers_to)
with given as (
    select
        s.row_no,
        s.max_entries,
        c.next_entry - 1 as entries
    from books.draw_counter as c
    inner join portal.draw as d on d.id = c.draw_id
    inner join portal.lottery as l on l.id = d.lottery_id
    inner join staged_draws as s on s.lottery = l.key and s.draw_no = d.draw_no
    order by c.draw_id
    for share of c
)

select
    'draws',
    row_no,
    'lottery',
    'unknown_reference',
    'there is no lottery "' || lottery || '"',
    'lotteries'
from staged_draws as s
where lottery is not null and not exists (select from known_lotteries as k where k.key = s.lottery)
union all
select
    'draws',
    row_no,
    'closes_at',
    'bad_value',
    'the draw closes ' || pg_temp.said(closes_at) || ', not after it opens ' || pg_temp.said(opens_at),
    null
from staged_draws
where closes_at <= opens_at
union all
select
    'draws',
    row_no,
    'max_entries',
    'bad_value',
    'the draw has given ' || entries || ' entries already, more than ' || max_entries,
    null
from given
where max_entries < entries;

-- name: judge_draws(absent)!
-- What does each row make of its draw?
insert into change (file, row_no, key, before, after)
select
    'draws',
    s.row_no,
    array[s.lottery, s.draw_no::text],
    d.record,
    pg_temp.merged(d.record, to_jsonb(s), :absent)
from staged_draws as s
left join (
    select
        l.key,
        d.draw_no,
        jsonb_build_object(
            'lottery', l.key, 'draw_no', d.draw_no, 'opens_at', lower(d.open_during),
            'closes_at', upper(d.open_during), 'max_entries', d.max_entries
        ) as record
    from portal.draw as d
    inner join portal.lottery as l on l.id = d.lottery_id
) as d on d.key = s.lottery and d.draw_no = s.draw_no
where s.lottery is not null and s.draw_no is not null;

-- name: write_draws()!
-- Which draws are new or changed?
insert into portal.draw (lottery_id, draw_no, open_during, max_entries)
select
    l.id,
    s.draw_no,
    tstzrange(s.opens_at, s.closes_at),
    (c.after ->> 'max_entries')::int
from change as c
inner join staged_draws as s on s.row_no = c.row_no
inner join portal.lottery as l on l.key = s.lottery
where c.file = 'draws' and c.before is distinct from c.after
order by c.row_no
on conflict (lottery_id, draw_no) do update
set open_during = excluded.open_during, max_entries = excluded.max_entries;

-- name: check_draw_products()!
-- Which products are of no known draw, or priced finer than their lottery's currency?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'draw_products',
    s.row_no,
    'lottery',
    'unknown_reference',
    'there is no lottery "' || s.lottery || '"',
    'lotteries'
from staged_draw_products as s
where s.lottery is not null and not exists (select from known_lotteries as k where k.key = s.lottery)
union all
select
    'draw_products',
    s.row_no,
    'draw_no',
    'unknown_reference',
    'lottery "' || s.lottery || '" has no draw ' || s.draw_no,
    'draws'
from staged_draw_products as s
where
    s.draw_no is not null
    and exists (select from known_lotteries as k where k.key = s.lottery)
    and not exists (select from known_draws as k where k.lottery = s.lottery and k.draw_no = s.draw_no)
union all
select
    'draw_products',
    s.row_no,
    'price',
    'bad_value',
    '"' || s.price || '" has more decimal places than ' || l.currency || ' (' || e.places || ')',
    null
from staged_draw_products as s
inner join portal.lottery as l on l.key = s.lottery
inner join exponent as e on e.currency = l.currency
where s.price is not null and pg_temp.minor(s.price, e.places) is null;

-- name: judge_draw_products(absent)!
-- What does each row make of its product?
insert into change (file, row_no, key, before, after)
select
    'draw_products',
    s.row_no,
    array[s.lottery, s.draw_no::text, s.product],
    p.record,
    pg_temp.merged(
        p.record,
        jsonb_build_object(
            'lottery', s.lottery, 'draw_no', s.draw_no, 'product', s.product, 'name', s.name,
            'price_minor', pg_temp.minor(s.price, e.places), 'entries', s.entries
        ),
        :absent
    )
from staged_draw_products as s
left join portal.lottery as l on l.key = s.lottery
left join exponent as e on e.currency = l.currency
left join (
    select
        d.lottery_id,
        d.draw_no,
        x.product,
        jsonb_build_object(
            'lottery', o.key, 'draw_no', d.draw_no, 'product', x.product, 'name', x.name,
            'price_minor', x.price_minor, 'entries', x.entries
        ) as record
    from portal.draw_product as x
    inner join portal.draw as d on d.id = x.draw_id
    inner join portal.lottery as o on o.id = d.lottery_id
) as p on p.lottery_id = l.id and p.draw_no = s.draw_no and p.product = s.product
where s.lottery is not null and s.draw_no is not null and s.product is not null;

-- name: write_draw_products()!
-- Which products of draws are new or changed?
insert into portal.draw_product (draw_id, product, name, price_minor, entries)
select
    d.id,
    c.after ->> 'product',
    c.after ->> 'name',
    (c.after ->> 'price_minor')::bigint,
    (c.after ->> 'entries')::int
from change as c
inner join portal.lottery as l on l.key = c.after ->> 'lottery'
inner join portal.draw as d on d.lottery_id = l.id and d.draw_no = (c.after ->> 'draw_no')::int
where c.file = 'draw_products' and c.before is distinct from c.after
order by c.row_no
on conflict (draw_id, product) do update
set name = excluded.name, price_minor = excluded.price_minor, entries = excluded.entries;

-- name: check_buyers()!
-- Which buyers have neither of the two keys?
insert into file_error (file, row_no, column_name, code, message)
select
    'buyers',
    s.row_no,
    'customer_id',
    'missing_value',
    'give a customer_id, or an email where there is none'
from staged_buyers as s
where
    s.customer_id is null and s.email is null
    and not exists (select from file_error as f where f.file = 'buyers' and f.row_no = s.row_no);

-- name: judge_buyers(absent)!
-- What does each row make of its buyer? Buyers with a customer_id are never found by email.
insert into change (file, row_no, key, before, after)
with stored as (
    select
        customer_id,
        email,
        jsonb_build_object(
            'customer_id', customer_id, 'email', email, 'first_name', first_name, 'last_name', last_name
        ) as record
    from portal.buyer
)

select
    'buyers',
    s.row_no,
    case
        when s.customer_id is not null then array['customer_id', s.customer_id] else array['email', s.email]
    end,
    coalesce(n.record, m.record),
    pg_temp.merged(coalesce(n.record, m.record), to_jsonb(s), :absent)
from staged_buyers as s
left join stored as n on n.customer_id = s.customer_id
left join stored as m on s.customer_id is null and m.customer_id is null and m.email = s.email
where coalesce(s.customer_id, s.email) is not null;

-- name: write_buyers()!
-- Which buyers with a customer_id are new or changed?
insert into portal.buyer (customer_id, email, first_name, last_name)
select
    after ->> 'customer_id',
    after ->> 'email',
    after ->> 'first_name',
    after ->> 'last_name'
from change
where file = 'buyers' and before is distinct from after and after ->> 'customer_id' is not null
order by row_no
on conflict (customer_id) do update
set email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name;

-- name: write_unnumbered_buyers()!
-- Which buyers who are known by email alone are new or changed? In the order of the addresses, as paid sales make
-- them: two who write the same buyers wait for each other, not both.
insert into portal.buyer (email, first_name, last_name)
select
    after ->> 'email',
    after ->> 'first_name',
    after ->> 'last_name'
from change
where file = 'buyers' and before is distinct from after and after ->> 'customer_id' is null
order by after ->> 'email'
on conflict (email) where customer_id is null do update
set first_name = excluded.first_name, last_name = excluded.last_name;
