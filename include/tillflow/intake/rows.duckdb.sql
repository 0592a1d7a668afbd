-- name: create_archived()#
-- The sanitised rows of an import with their spreadsheet numbers: a blank row shifts those behind it.
create or replace view archived as
select
    (
        file_row_number + getvariable('first_row')
        + len(list_filter(getvariable('blank_behind'), lambda behind: behind <= file_row_number))
    )::int as row_no,
    * exclude (file_row_number)
from read_parquet(getvariable('archive'), file_row_number = true);

-- name: create_archived_again()#
-- Rows of many imports that are judged again: their number is their exception's. Each came with its own file,
-- so each says until when it may have happened. A table: a view would take the JSON apart for every value anew.
create or replace table archived as
select
    given.exception_id as row_no, make_timestamptz(given.latest_vend_us) as latest_vend,
    unnest(from_json(given.raw, '{columns}'))
from given;

-- name: judged_again()
-- Which rules do the rows break now, and what was found for them?
select
    row_no as exception_id, reason_codes(broken) as judged, equipment_id, site_id, customer_id, place_id, item_id,
    vendee_id, planogram_price_minor, vended_at, selection,
    quantity * if(result = 'refund', -1, 1) as quantity,
    unit_price_minor, amount_minor, currency
from judged
order by row_no;

-- name: create_repeated()#
-- Which keys stand more than once in the file?
create or replace table repeated as
select stream_id, seq
from judged
where stream_id is not null
group by stream_id, seq
having count(*) > 1;

-- name: create_suspect_rows()#
-- Which rows might have been seen before: their key is repeated, or not above its stream's high water, or
-- there is none?
create or replace view suspect_rows as
select row_no, stream_id, seq, content_hash
from judged
where
    stream_id is null or seq <= high_water
    or (stream_id, seq) in (select (r.stream_id, r.seq) from repeated as r);

-- name: suspects()
-- Their keys and contents, each once.
select distinct stream_id, seq, content_hash from suspect_rows;

-- name: create_standing()#
-- Which of the suspects repeat an earlier row, and which contradict one? `recorded` are the rows in the
-- books: they came before every row of this file. A row without a key is known by its content.
create or replace table standing as
with
candidates as (
    select row_no, stream_id, seq, content_hash from suspect_rows
    union all
    select 0 as row_no, stream_id, seq, content_hash from recorded
),

ranked as (
    select
        row_no,
        row_number() over content as content_rank,
        row_number() over key_of_row as key_rank,
        stream_id
    from candidates
    window
        content as (partition by stream_id, seq, content_hash order by row_no),
        key_of_row as (partition by stream_id, seq order by row_no)
)

select
    row_no,
    content_rank > 1 as is_duplicate,
    stream_id is not null and key_rank > 1 and content_rank = 1 as is_conflict
from ranked
where row_no > 0 and (content_rank > 1 or (stream_id is not null and key_rank > 1));

-- name: create_placed()#
-- The judged rows with their standing among earlier rows.
create or replace view placed as
select
    j.*,
    coalesce(s.is_duplicate, false) as is_duplicate,
    coalesce(s.is_conflict, false) as is_conflict
from judged as j
left join standing as s on s.row_no = j.row_no;

-- name: create_reason_macro()#
-- The stable codes of a mask, each once, in alphabetical order.
create or replace macro reason_codes(mask) as
list_sort(list_distinct(
    list_filter(getvariable('rule_codes'), lambda code, position: (mask >> (position - 1)) & 1 = 1)
));

-- name: transactions(import_id)
-- Which rows did not become sales, as they arrived?
select
    :import_id::int as import_id, v.row_no, v.verdict, v.stream_id, v.seq, v.content_hash,
    v.currency, v.amount_minor, to_json(a)::varchar as raw
from (from verdicts where verdict <> 'sale') as v
inner join (select row_no as number, columns(* exclude (row_no)) from archived) as a on a.number = v.row_no
order by v.row_no;

-- name: balance(import_id)
-- How many rows, and how much money, came in and where did they go, by currency?
select
    :import_id::int as import_id,
    currency,
    count(*)::int as read_rows,
    count(*) filter (verdict = 'sale')::int as sale_rows,
    count(*) filter (verdict = 'exception')::int as exception_rows,
    count(*) filter (verdict = 'duplicate')::int as duplicate_rows,
    count(*) filter (verdict = 'not_billable')::int as not_billable_rows,
    sum(amount_minor)::bigint as read_minor,
    coalesce(sum(amount_minor) filter (verdict = 'sale'), 0)::bigint as sale_minor,
    coalesce(sum(amount_minor) filter (verdict = 'exception'), 0)::bigint as exception_minor,
    coalesce(sum(amount_minor) filter (verdict = 'duplicate'), 0)::bigint as duplicate_minor,
    coalesce(sum(amount_minor) filter (verdict = 'not_billable'), 0)::bigint as not_billable_minor
from verdicts
group by currency
order by currency;

-- name: high_waters()
-- What is the greatest number of each stream now?
select stream_id, max(seq)::bigint as high_water
from judged
where stream_id is not null
group by stream_id;

-- name: balance_of_refused(import_id)
-- What came in with a file that is refused? Every row of it is rejected.
select
    :import_id::int as import_id,
    currency,
    count(*)::int as read_rows,
    count(*)::int as rejected_rows,
    sum(amount_minor)::bigint as read_minor,
    sum(amount_minor)::bigint as rejected_minor
from judged
group by currency
order by currency;
