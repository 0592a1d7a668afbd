-- name: clear_funds(payment_id, actor, now, reason)!
update books.payment
set
    state = 'cleared', paid_at = :now, product_state = 'pending',
    moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :payment_id and state = 'received';

-- name: return_funds(payment_id, actor, now, reason)!
update books.payment
set state = 'returned', stopped_by = 'funds_returned', moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :payment_id and state = 'received';

-- name: expect_funds(payment_id, actor, now, reason)!
update books.payment
set state = 'received', stopped_by = null, moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :payment_id and state = 'returned';

-- name: charge_again(payment_id, actor, now, reason)$
-- Is it not being charged, and not paid? An attempt under review is closed: the person says that it took no money.
with again as (
    update books.payment as p
    set
        state = 'due', next_attempt_at = :now, tries = 0, stopped_by = null,
        moved_at = :now, moved_by = :actor, move_reason = :reason
    where p.id = :payment_id and p.state in ('needs_review', 'failed_hard', 'exhausted', 'retry_wait')
    returning p.id
),

closed as (
    update books.payment_attempt as a
    set finished_at = :now, outcome = 'not_processed', code = 'decided_by_a_person'
    from again
    where a.payment_id = again.id and a.finished_at is null
    returning a.payment_id
)

select count(*) from again;

-- name: charge_other_card(payment_id, actor, now, reason, card_token)!
-- Were all attempts with the old card declined? The new one is registered anew.
update books.payment
set
    state = 'due', next_attempt_at = :now, tries = 0, stopped_by = null,
    card_token = :card_token, key = gen_random_uuid(), intent = null, method = null,
    moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :payment_id and state in ('failed_hard', 'exhausted') and card_token <> :card_token;

-- name: review(payment_id, actor, now, reason)!
-- Is its outcome unknown, and no sweep asking about it?
update books.payment
set
    state = 'needs_review', stopped_by = 'outcome_unknown', next_attempt_at = null, leased_until = null,
    moved_at = :now, moved_by = :actor, move_reason = :reason
where id = :payment_id and state = 'unknown' and (leased_until is null or leased_until <= :now);

-- name: confirm_charged(payment_id, actor, now, reason, reference)$
-- Is it under review? Then its open attempt is the one that took the money.
with charged as (
    update books.payment as p
    set
        state = 'succeeded', paid_at = a.started_at, product_state = 'pending', stopped_by = null,
        moved_at = :now, moved_by = :actor, move_reason = :reason
    from books.payment_attempt as a
    where p.id = :payment_id and p.state = 'needs_review' and a.payment_id = p.id and a.finished_at is null
    returning p.id
),

closed as (
    update books.payment_attempt as a
    set finished_at = :now, outcome = 'approved', reference = :reference
    from charged
    where a.payment_id = charged.id and a.finished_at is null
    returning a.payment_id
)

select count(*) from charged;

-- name: cancel(payment_id, actor, now, reason)$
-- Is it not being charged, and not paid?
with given_up as (
    update books.payment as p
    set
        state = 'canceled', next_attempt_at = null, stopped_by = null,
        moved_at = :now, moved_by = :actor, move_reason = :reason
    where
        p.id = :payment_id
        and p.state in ('due', 'retry_wait', 'needs_review', 'failed_hard', 'exhausted', 'received', 'returned')
    returning p.id
),

closed as (
    update books.payment_attempt as a
    set finished_at = :now, outcome = 'not_processed', code = 'decided_by_a_person'
    from given_up
    where a.payment_id = given_up.id and a.finished_at is null
    returning a.payment_id
)

select count(*) from given_up;

-- name: request_refund(payment_id, actor, now, reason)$
-- Is it paid, and not refunded? The product is void from now on: it cannot win what is being paid back.
with voided as (
    update books.payment as p
    set product_state = 'void', product_problem = null, moved_at = :now, moved_by = :actor, move_reason = :reason
    where p.id = :payment_id and p.paid_at is not null and p.product_state <> 'void'
    returning p.*
),

requested as (
    insert into books.refund (
        payment_id, amount_minor, currency, state, next_attempt_at, moved_at, moved_by, move_reason
    )
    select
        v.id, v.amount_minor, v.currency,
        case when v.payment_type = 'CC' then 'due' else 'to_pay_out' end,
        case when v.payment_type = 'CC' then :now::timestamptz end,
        :now, :actor, :reason
    from voided as v
    returning id, state
),

recorded as (
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
    select :now, :actor, 'refund', r.id::text, 'requested', :reason, jsonb_build_object('state', r.state)
    from requested as r
    returning id
)

select count(*) from requested;

-- name: refund_again(payment_id, actor, now, reason)!
update books.refund
set
    state = 'due', next_attempt_at = :now, stopped_by = null,
    moved_at = :now, moved_by = :actor, move_reason = :reason
where payment_id = :payment_id and state = 'refused';

-- name: refund_by_hand(payment_id, actor, now, reason)!
update books.refund
set state = 'to_pay_out', moved_at = :now, moved_by = :actor, move_reason = :reason
where payment_id = :payment_id and state = 'refused';

-- name: confirm_paid_out(payment_id, actor, now, reason, reference)!
update books.refund
set
    state = 'refunded', reference = :reference, stopped_by = null,
    moved_at = :now, moved_by = :actor, move_reason = :reason
where payment_id = :payment_id and state = 'to_pay_out';

-- name: state_of(payment_id)^
select p.state, p.product_state, r.state
from books.payment as p
left join books.refund as r on r.payment_id = p.id
where p.id = :payment_id;
