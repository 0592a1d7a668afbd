-- Where arriving rows wait, and what reads them, for the time of one transaction.

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
pg_temp.staged_access, pg_temp.staged_operators, pg_temp.staged_provider cascade;

create temp table staged_channels (
    row_no int, channel text, name text, zone text, max_row_errors int
) on commit drop;
create temp table staged_lotteries (
    row_no int, lottery text, name text, currency text, address_format text, address_required boolean,
    active boolean
) on commit drop;
create temp table staged_draws (
    row_no int, lottery text, draw_no int, opens_at timestamptz, closes_at timestamptz, max_entries int
) on commit drop;
create temp table staged_draw_products (
    row_no int, lottery text, draw_no int, product text, name text, price text, entries int
) on commit drop;
create temp table staged_buyers (
    row_no int, customer_id text, email text, first_name text, last_name text
) on commit drop;
create temp table staged_customers (
    row_no int, customer text, name text, zone text, currency text, billing_email text, address_line_1 text,
    address_line_2 text, city text, region text, postcode text, country text, tax_id text, payment_days int,
    approval_limit text, billing_calendar text, billing_from date
) on commit drop;
create temp table staged_provider (
    row_no int, provider text, name text, address_line_1 text, address_line_2 text, city text, region text,
    postcode text, country text, tax_id text, registration_id text, email text, phone text, electronic_address text,
    electronic_scheme text, payment_account text, logo text, invoice_prefix text, credit_prefix text
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
staged_planograms, staged_users, staged_access, staged_operators, staged_provider;
