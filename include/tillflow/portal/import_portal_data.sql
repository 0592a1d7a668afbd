-- name: mark_loaded(import_id, actor, at, counts)!
-- The import's data is loaded: say so, with what became of each table's rows, in one statement.
with
loaded as (
    update intake.import set booked_at = :at where id = :import_id and booked_at is null
    returning id
)

insert into history.event (happened_at, actor, subject, subject_key, action, after)
select :at, :actor, 'intake.import', l.id::text, 'booked', :counts::jsonb
from loaded as l;
