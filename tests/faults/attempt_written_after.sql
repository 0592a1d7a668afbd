-- The queries of include/tillflow/payments/claims.sql as the mutant `attempt_written_after_the_call` has them.

-- name: claim_due(now, began, due_by, leased_until, most, import_id, declines_allowed, actor)
with due as (
    select p.id from books.payment as p
    where
        p.state in ('due', 'retry_wait') and p.next_attempt_at <= :due_by
        and (:import_id::int is null or p.import_id = :import_id)
        and not (p.moved_by = :actor and p.moved_at >= :began)
        and :declines_allowed > 0
    order by p.id limit :most for update skip locked
),

claimed as (
    update books.payment as p
    set
        state = 'in_flight', leased_until = :leased_until, next_attempt_at = null, fence = p.fence + 1,
        moved_at = :now, moved_by = :actor
    from due where p.id = due.id
    returning p.*
)

select
    c.state, c.id, c.key, c.id::text as label, c.card_token, c.amount_minor, c.currency, c.fence, c.leased_until,
    c.tries, c.intent, c.method, gen_random_uuid() as attempt_key, :now::timestamptz as started_at
from claimed as c;

-- name: claim_unknown(now, leased_until, most, actor)
-- Nobody knows of an attempt: whatever was in flight is due again, and nothing is left to settle.
with forgotten as (
    update books.payment as p
    set state = 'due', leased_until = null, next_attempt_at = :now, moved_at = :now, moved_by = 'recovery'
    where p.state = 'in_flight' and p.leased_until <= :now and :most > 0 and :actor <> ''
    returning p.id
),

again as (
    update books.payment as p
    set leased_until = :leased_until, next_attempt_at = :now, fence = p.fence + 1
    where
        p.state = 'unknown' and p.next_attempt_at <= :now
        and (p.leased_until is null or p.leased_until <= :now)
    returning p.*
)

select
    c.state, c.id, c.key, c.id::text as label, c.card_token, c.amount_minor, c.currency, c.fence, c.leased_until,
    c.tries, c.intent, c.method, gen_random_uuid() as attempt_key, :now::timestamptz as started_at
from again as c
where not exists (select from forgotten as f where f.id = c.id);

-- name: settle(id, fence, state, outcome, code, reference, next_attempt_at, stopped_by, tries, paid_at, now, actor)$
with mine as (
    update books.payment as p
    set
        state = :state, leased_until = null, next_attempt_at = :next_attempt_at, stopped_by = :stopped_by,
        tries = p.tries + :tries, paid_at = :paid_at,
        product_state = case when :paid_at::timestamptz is null then p.product_state else 'pending' end,
        moved_at = :now, moved_by = :actor
    where p.id = :id and p.fence = :fence and p.state in ('in_flight', 'unknown')
    returning p.id, p.card_token
),

written as (
    insert into books.payment_attempt
    (payment_id, attempt_no, card_token, started_at, finished_at, outcome, code, reference)
    select
        m.id, 1 + (select count(*) from books.payment_attempt as a where a.payment_id = m.id), m.card_token, :now,
        :now, :outcome, :code, :reference
    from mine as m
    where :outcome::text is not null
    returning payment_id
)

select count(*) from mine;
