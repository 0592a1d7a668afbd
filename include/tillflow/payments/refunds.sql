-- name: claim(now, leased_until, most, actor)
-- Which refunds are due, or were claimed by a worker that is gone? One that was refused and is sent again has another
-- key: under the old one the gateway would repeat its refusal for a day.
with due as (
    select r.id
    from books.refund as r
    where
        (r.state = 'due' and r.next_attempt_at <= :now) or (r.state = 'in_flight' and r.leased_until <= :now)
    order by r.id
    limit :most
    for update skip locked
),

claimed as (
    update books.refund as r
    set
        state = 'in_flight', leased_until = :leased_until, next_attempt_at = null, fence = r.fence + 1,
        moved_at = :now, moved_by = :actor, move_reason = 'sent to the gateway'
    from due
    where r.id = due.id
    returning r.*
)

select
    c.id,
    c.fence,
    c.key::text || coalesce('-' || nullif(r.refusals, 0), '') as key,
    c.amount_minor,
    a.reference
from claimed as c
cross join lateral (
    select count(*) as refusals from history.event as e
    where e.subject = 'refund' and e.subject_key = c.id::text and e.action = 'refused'
) as r
inner join books.payment_attempt as a on a.payment_id = c.payment_id and a.outcome = 'approved';

-- name: settle(id, fence, state, reference, stopped_by, next_attempt_at, now, actor, reason)!
update books.refund
set
    state = :state, leased_until = null, reference = :reference, stopped_by = :stopped_by,
    next_attempt_at = :next_attempt_at, moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :id and fence = :fence and state = 'in_flight';
