-- name: customer_exception(exception_id)^
-- Which row is the exception, and of which kind?
select x.import_id, x.row_no, x.kind from books.exception as x where x.id = :exception_id;

-- name: record_denied(now, actor, subject, key, attempt)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, :subject, :key, 'denied', :attempt);
