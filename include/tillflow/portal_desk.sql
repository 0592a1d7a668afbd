-- name: record_denied(now, actor, subject, key, attempt)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, :subject, :key, 'denied', :attempt);
