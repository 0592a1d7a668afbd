-- name: record_denied(now, actor)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, 'mail', 'failed', 'denied', 'resend');
