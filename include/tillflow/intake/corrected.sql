-- name: lock_corrected(import_ids, row_nos, channel_id, uploader)
-- Which of these rows wait for a person in the same channel, and may the uploader resolve them? Who was granted the
-- upload alone may not; who was granted nothing was vouched for at the door. Locked: nobody else resolves them meanwhile.
select x.id, x.import_id, x.row_no
from books.exception as x
inner join (
    select distinct n.import_id, n.row_no from unnest(:import_ids::int[], :row_nos::int[]) as n (import_id, row_no)
) as named on named.import_id = x.import_id and named.row_no = x.row_no
where
    x.kind = 'offline_sales' and x.state = 'open' and x.channel_id = :channel_id
    and (
        select coalesce(bool_or(o.capability = 'offline_sales_admin'), true)
        from portal.operator as o
        where o.user_name = :uploader and o.channel_id = :channel_id
    )
order by x.id
for update of x;

-- name: supersede(exception_ids, row_nos, import_id, actor, now)!
-- The rows of this import stand for the ones they correct, whatever became of them.
with given as (
    select g.exception_id, g.row_no from unnest(:exception_ids::bigint[], :row_nos::int[]) as g (exception_id, row_no)
),

replaced as (
    update books.exception as x
    set state = 'superseded', closed_at = :now, superseded_by = :import_id, superseded_by_row = g.row_no
    from given as g
    where x.id = g.exception_id and x.state = 'open'
    returning x.id
)

insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
select
    :now, :actor, 'exception', r.id::text, 'superseded', 'corrected by import ' || :import_id || ', row ' || g.row_no,
    jsonb_build_object('transaction', :import_id || '-' || g.row_no)
from replaced as r
inner join given as g on g.exception_id = r.id
order by r.id;

-- name: set_parent(import_id, exception_ids)!
-- From which import were the rows taken that this file corrects? From the first, where there are several.
update intake.import
set parent_id = (select min(x.import_id) from books.exception as x where x.id = any(:exception_ids::bigint[]))
where id = :import_id;
