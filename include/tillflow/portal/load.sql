-- What every table of portal data goes through: staging, errors, history. `file` is a table's name.

-- name: take_turn()^
-- Whose turn is it? One load at a time: the lock ends with the transaction.
select pg_advisory_xact_lock(hashtextextended('tillflow portal data', 0));

-- name: make_staging()#
-- Where do arriving rows wait? Values are checked cell by cell; a null is blank or was no such value.
set local timezone = 'UTC';
-- loads run one at a time, so this one may sort and hash in memory
set local work_mem = '64MB';
-- the planner is told often how much there is, so a small sample has to do
set local default_statistics_target = 10;

drop table if exists
pg_temp.file_error, pg_temp.change, pg_temp.arriving, pg_temp.period, pg_temp.exponent,
pg_temp.staged_channels, pg_temp.staged_lotteries, pg_temp.staged_draws, pg_temp.staged_draw_products,
pg_temp.staged_buyers, pg_temp.staged_customers, pg_temp.staged_sites, pg_temp.staged_equipment,
pg_temp.staged_allocations, pg_temp.staged_products, pg_temp.staged_planograms, pg_temp.staged_users,
pg_temp.staged_access, pg_temp.staged_operators cascade;

create temp table staged_channels (
    row_no int, channel text, name text, zone text, max_row_errors int
) on commit drop;
create temp table staged_lotteries (
    row_no int, lottery text, name text, currency text, address_format text, address_required boolean,
    active boolean
) on commit drop;
create temp table staged_draws (
    row_no int, lottery text, draw_no int, opens_at timestamptz, closes_at timestamptz
) on commit drop;
create temp table staged_draw_products (
    row_no int, lottery text, draw_no int, product text, name text, price text
) on commit drop;
create temp table staged_buyers (
    row_no int, customer_id text, email text, first_name text, last_name text
) on commit drop;
create temp table staged_customers (
    row_no int, customer text, name text, zone text, currency text, billing_email text
) on commit drop;
create temp table staged_sites (
    row_no int, site text, customer text, name text, zone text
) on commit drop;
create temp table staged_equipment (
    row_no int, equipment text, name text, silent_after_hours int
) on commit drop;
-- A day (10 characters) or an instant: whose day it is, is not known before the site is.
create temp table staged_allocations (
    row_no int, equipment text, site text, valid_from text, valid_to text
) on commit drop;
create temp table staged_products (
    row_no int, product text, name text, tax_rate numeric, not_invoiced_from timestamptz
) on commit drop;
create temp table staged_planograms (
    row_no int, equipment text, valid_from text, valid_to text, selection text, product text, price text,
    currency text,
    -- settled when the zone is known
    equipment_id int, starts timestamptz, ends timestamptz
) on commit drop;
-- `pin` is the keyed hash.
create temp table staged_users (
    row_no int, customer text, "user" text, name text, email text, role text, card_no text,
    facility_id text, access_code text, pin uuid
) on commit drop;
create temp table staged_access (
    row_no int, customer text, "user" text, equipment text, valid_from text, valid_to text
) on commit drop;
create temp table staged_operators (
    row_no int, user_name text, capability text, channel text, customer text
) on commit drop;

-- A key is known if it is stored or stands in a file, there with an error of its own or not.
create temp view known_channels as
select key from portal.channel
union all
select channel from staged_channels;
create temp view known_lotteries as
select key from portal.lottery
union all
select lottery from staged_lotteries;
create temp view known_draws as
select
    l.key as lottery,
    d.draw_no
from portal.draw as d
inner join portal.lottery as l on l.id = d.lottery_id
union all
select
    lottery,
    draw_no
from staged_draws;
create temp view known_customers as
select key from portal.customer
union all
select customer from staged_customers;
create temp view known_sites as
select key from portal.site
union all
select site from staged_sites;
create temp view known_equipment as
select asset_no from portal.equipment
union all
select equipment from staged_equipment;
create temp view known_products as
select code from portal.product
union all
select product from staged_products;
create temp view known_users as
select
    c.key as customer,
    u.key as "user"
from portal.consumer as u
inner join portal.customer as c on c.id = u.customer_id
union all
select
    customer,
    "user"
from staged_users;

create temp table file_error (
    file text, row_no int, column_name text, code text, message text,
    -- the table in which an unknown key should be
    refers_to text
) on commit drop;
-- What becomes of a record, in the words of the files; equal before and after: nothing. No row_no: the
-- load changes it though no row names it. `pin` is a hash here and leaves as the word "changed".
create temp table change (
    file text, row_no int, key text[], before jsonb, after jsonb, reason text
) on commit drop;
-- The periods of the rows, and then all periods of what the rows name: without row_no, only stored;
-- without stored_id, only arriving. Open ends are infinity. The owner is whose periods cannot overlap.
create temp table arriving (
    file text, row_no int, owner bigint, starts timestamptz, ends timestamptz
) on commit drop;
create temp table period (
    file text, row_no int, stored_id int, owner bigint, starts timestamptz, ends timestamptz,
    stored_ends timestamptz
) on commit drop;
create temp table exponent (currency text, places int) on commit drop;

create or replace function pg_temp.first_instant(day date, zone text) returns timestamptz
language plpgsql stable strict as $$
declare
    midnight timestamp = day;
    late timestamptz = midnight at time zone zone;
    -- where clocks go back over midnight there are two of them, and PostgreSQL takes the second
    hours_before timestamptz = late - interval '3 hours';
    early timestamptz = late - (
        (hours_before at time zone zone) - (late at time zone zone) + interval '3 hours'
    );
begin
    return case when early at time zone zone = midnight then least(early, late) else late end;
end;
$$;

create or replace function pg_temp.instant(written text, zone text) returns timestamptz
language sql stable as $$
    select case
        when length(written) > 10 then written::timestamptz
        else pg_temp.first_instant(written::date, zone)
    end;
$$;

-- The amount in minor units; null where it has more decimal places than the currency.
create or replace function pg_temp.minor(amount text, places int) returns bigint
language sql immutable as $$
    select case
        when length(split_part(amount, '.', 2)) <= places
            then trunc(amount::numeric * 10::numeric ^ places)::bigint
    end;
$$;

-- The record as it will be: optional columns that the file does not have stay as they are.
create or replace function pg_temp.merged(stored jsonb, arriving jsonb, absent text[]) returns jsonb
language sql immutable as $$
    select coalesce(stored, '{}')
        || (arriving - 'row_no' - case when stored is null then '{}' else absent end);
$$;

create or replace function pg_temp.said(instant timestamptz) returns text
language sql stable as $$
    select case
        when instant = '-infinity' then 'always'
        when instant = 'infinity' then 'open'
        else to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    end;
$$;

-- name: analyze_staging()#
-- How many rows are there? The planner is told: nobody else looks at temporary tables.
analyze staged_channels, staged_lotteries, staged_draws, staged_draw_products, staged_buyers,
staged_customers, staged_sites, staged_equipment, staged_allocations, staged_products,
staged_planograms, staged_users, staged_access, staged_operators;

-- name: analyze_work()#
-- How much is in the working tables by now? A wrong guess costs minutes in the next join.
analyze arriving, period, change, staged_planograms;

-- name: check_zones()!
-- Which zones does this database not know? Its list may be older than Python's.
insert into file_error (file, row_no, column_name, code, message)
select
    s.file,
    s.row_no,
    'zone',
    'bad_value',
    'the database does not know the zone "' || s.zone || '"; use an older name of it'
from (
    select 'channels' as file, row_no, zone from staged_channels
    union all
    select 'customers' as file, row_no, zone from staged_customers
    union all
    select 'sites' as file, row_no, zone from staged_sites
) as s
where s.zone is not null and s.zone not in (select name from pg_timezone_names);

-- name: refuse_repeated_keys(file)!
-- Which rows name a record that an earlier row has named?
insert into file_error (file, row_no, column_name, code, message)
select
    file,
    row_no,
    null,
    'duplicate_row',
    array_to_string(key, '/') || ' is already in row ' || first_row
from (
    select
        file,
        row_no,
        key,
        min(row_no) over (partition by key) as first_row
    from change
    where file = :file
) as named
where row_no > first_row;

-- name: set_aside(file)!
-- Which rows have an error? Nothing more is made of them.
with set_aside as (
    delete from period as p
    using file_error as f
    where p.file = :file and f.file = p.file and f.row_no = p.row_no
)

delete from change as c
using file_error as f
where c.file = :file and f.file = c.file and f.row_no = c.row_no;

-- name: refuse_periods(file)!
-- Which periods stand twice in the file, and which end before they begin?
insert into file_error (file, row_no, column_name, code, message)
select
    file,
    row_no,
    'valid_from',
    'duplicate_row',
    'the period that begins ' || pg_temp.said(starts) || ' is already in row ' || first_row
from (
    select
        file,
        row_no,
        starts,
        min(row_no) over (partition by owner, starts) as first_row
    from period
    where file = :file
) as named
where row_no > first_row
union all
select
    file,
    row_no,
    'valid_to',
    'bad_value',
    'the period ends ' || pg_temp.said(ends) || ', not after its beginning ' || pg_temp.said(starts)
from period
where file = :file and row_no is not null and ends <= starts;

-- name: end_open_periods(file)!
-- Which periods without an end are followed by another one? They end where it begins.
with followed as (
    select
        owner,
        starts,
        lead(starts) over (partition by owner order by starts) as next_starts
    from period
    where file = :file
)

update period as p
set ends = f.next_starts
from followed as f
where
    p.file = :file and p.ends = 'infinity'
    and f.owner = p.owner and f.starts = p.starts and f.next_starts is not null;

-- name: refuse_overlaps(file)!
-- Which arriving periods overlap a stored one, or one of an earlier row? Each is told of one.
insert into file_error (file, row_no, column_name, code, message)
with reaching as (
    select
        owner,
        starts,
        max(ends) over (
            partition by owner order by starts rows between unbounded preceding and 1 preceding
        ) as reached
    from period
    where file = :file
),

crowded as (
    select distinct owner
    from reaching
    where starts < reached
)

select distinct on (p.row_no)
    p.file,
    p.row_no,
    'valid_from',
    'overlapping_period',
    'the period ' || pg_temp.said(p.starts) || ' to ' || pg_temp.said(p.ends) || ' overlaps '
    || coalesce('row ' || o.row_no, 'the stored period') || ' (' || pg_temp.said(o.starts) || ' to '
    || pg_temp.said(o.ends) || ')'
from crowded as c
inner join period as p on p.file = :file and p.owner = c.owner and p.row_no is not null
inner join period as o on
    o.file = p.file and o.owner = p.owner
    and o.starts < p.ends and o.ends > p.starts
    and (o.row_no is null or o.row_no < p.row_no)
order by p.row_no, o.starts;

-- name: has_errors(file)$
-- Is anything wrong with this table?
select exists(select from file_error where file = :file);

-- name: errors(unreadable)
-- What is wrong with the files? Nobody can say that a key is unknown whose own file cannot be read.
select
    file,
    row_no,
    column_name,
    code,
    message
from file_error
where refers_to is null or not refers_to = any(:unreadable);

-- name: counts()
-- What became of each table's records?
select
    file,
    count(*) filter (where row_no is not null and before is null) as added,
    count(*) filter (where row_no is not null and before <> after) as changed,
    count(*) filter (where row_no is not null and before = after) as unchanged,
    count(*) filter (where row_no is null and after is null) as removed,
    count(*) filter (where row_no is null and after is not null) as ended
from change
group by file
order by file;

-- name: record(now, actor)!
-- What does the history say? A line for every record that is new, changed or removed; never a PIN.
insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
select
    :now,
    :actor,
    'portal.' || c.file,
    array_to_string(c.key, '/'),
    case when c.before is null then 'added' when c.after is null then 'removed' else 'changed' end,
    c.reason,
    c.before - 'pin',
    case
        when coalesce(c.before ->> 'pin', '') <> coalesce(c.after ->> 'pin', '') then c.after || '{"pin": "changed"}'
        else c.after - 'pin'
    end
from change as c
where c.before is distinct from c.after
order by c.file, c.row_no;
