-- name: record_denied(actor, subject, subject_key, route, now)!
-- Who tried what they may not do, or what is not theirs?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, :subject, :subject_key, 'denied', :route);
