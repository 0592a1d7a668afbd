-- name: unfinished(kind, before)
-- Which imports were received a while ago and are neither booked nor refused, or are, a while ago, and nobody has
-- been told? The mail is the last thing that happens to an import.
select i.id from intake.import as i
where
    i.kind = :kind and coalesce(i.booked_at, i.rejected_at, i.received_at) < :before
    and not exists (select from mail.message as m where m.topic = 'import:' || i.id)
order by i.id;

-- name: check_constraints_now()#
-- Run the checks that wait for the commit: a preview never commits.
set constraints all immediate;
