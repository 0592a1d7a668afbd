-- name: events(subject, keys, after, most)
-- What happened to a record, oldest first?
select
    subject_key,
    happened_at,
    actor,
    action,
    reason,
    before,
    after
from history.event
where subject = :subject and subject_key = any(:keys) and id > :after
order by id
limit :most;

-- name: last_change(subject, key)^
-- Who changed a record last, and when?
select
    actor,
    happened_at
from history.event
where subject = :subject and subject_key = :key and action <> 'denied'
order by id desc
limit 1;
