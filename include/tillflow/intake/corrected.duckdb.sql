-- name: create_guarded()#
-- The rows as they were sent.
create or replace table guarded_rows as from archived;

-- name: create_unguarded()#
-- The rows without the apostrophes that our own export puts before what a spreadsheet would take for a formula.
create or replace view archived as
select
    row_no,
    regexp_replace(columns(* exclude (row_no)), '^''([-=+@\t\r\n＝＋－＠])', '\1')
from guarded_rows;

-- name: named_rows()
-- Which rows of which imports do the rows of this file say that they correct? Numbers that fit PostgreSQL's integer.
with named as (
    select
        row_no,
        as_integer(trimmed("extra.import")) as import_id,
        as_integer(trimmed("extra.row")) as named_row
    from archived
)

select row_no, import_id::int as import_id, named_row::int as named_row
from named
where import_id < 2147483648 and named_row < 2147483648
order by row_no;

-- name: create_corrections()#
-- Which row stands for each of the exceptions? The first that names it.
create or replace table corrections as
select l.exception_id, min(n.row_no) as row_no
from locked as l
inner join named as n on n.import_id = l.import_id and n.named_row = l.named_row
group by l.exception_id;

-- name: corrections()
select exception_id, row_no from corrections order by exception_id;
