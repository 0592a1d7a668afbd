-- name: is_there(id)$
-- Is there such an exception, whoever may see it?
select exists(select from books.exception where id = :id);

-- name: record_denied(now, actor, key)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, 'exception', :key, 'denied', 'read');

-- name: card_no_of(id)$
-- Which card was shown, trimmed as the judge trims it?
select coalesce(btrim(t.raw ->> 'card_no', ' ' || chr(9) || chr(160)), '')
from books.exception as e
inner join intake.transaction as t on (t.import_id, t.row_no) = (e.import_id, e.row_no)
where e.id = :id;

-- name: access_code_of(id)$
-- Which access code was typed?
select coalesce(btrim(t.raw ->> 'access_code', ' ' || chr(9) || chr(160)), '')
from books.exception as e
inner join intake.transaction as t on (t.import_id, t.row_no) = (e.import_id, e.row_no)
where e.id = :id;
