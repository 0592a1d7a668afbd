-- name: unbooked(kind, before)
-- Which imports were received a while ago and are neither booked nor refused?
select i.id from intake.import as i
where i.kind = :kind and i.booked_at is null and i.rejected_at is null and i.received_at < :before
order by i.id;

-- name: check_constraints_now()#
-- Run the checks that wait for the commit: a preview never commits.
set constraints all immediate;
