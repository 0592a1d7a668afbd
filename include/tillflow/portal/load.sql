-- What every table of portal data goes through. `file` is a table's name.

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

-- name: arrived(file)^
-- From when to when does the one arriving row last? Null: open.
select
    nullif(starts, '-infinity') as starts,
    nullif(ends, 'infinity') as ends
from arriving
where file = :file;

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

-- name: record(now, actor, reason)!
-- What does the history say? A line for every record that is new, changed or removed; never a PIN.
insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
select
    :now,
    :actor,
    'portal.' || c.file,
    array_to_string(c.key, '/'),
    case when c.before is null then 'added' when c.after is null then 'removed' else 'changed' end,
    coalesce(c.reason, :reason),
    c.before - 'pin',
    case
        when coalesce(c.before ->> 'pin', '') <> coalesce(c.after ->> 'pin', '') then c.after || '{"pin": "changed"}'
        else c.after - 'pin'
    end
from change as c
where c.before is distinct from c.after
order by c.file, c.row_no;
