-- name: claim_due(now, began, due_by, leased_until, most, import_id, declines_allowed, actor)
-- Which payments are due first? Each is claimed with a new attempt, or stopped: a draw that has closed or is sold
-- out takes no more money, and a card scheme allows only so many declines in 30 days. Where the last entries of a
-- draw may go to charges that are under way, the payment waits for their outcome.
with due as (
    select
        p.id,
        p.next_attempt_at,
        s.draw_id,
        d.max_entries,
        s.quantity::bigint * w.entries as entries,
        case
            when not coalesce(d.open_during @> :now::timestamptz, false) then 'draw_closed'
            when w.id is null then 'unknown_product'
            when (
                select count(*) from books.payment_attempt as a
                where
                    a.card_token = p.card_token
                    and a.outcome in ('soft_declined', 'hard_declined')
                    and a.started_at > :now::timestamptz - interval '720 hours'
            ) >= :declines_allowed then 'card_declined_too_often'
        end as stop,
        l.key || ' ' || s.seq as label
    from books.payment as p
    inner join books.offline_sale as s on s.stream_id = p.stream_id and s.seq = p.seq
    left join portal.draw as d on d.id = s.draw_id
    left join portal.draw_product as w on w.id = s.draw_product_id
    left join portal.lottery as l on l.id = d.lottery_id
    where
        p.state in ('due', 'retry_wait') and p.next_attempt_at <= :due_by
        and (:import_id::int is null or p.import_id = :import_id)
        and not (p.moved_by = :actor and p.moved_at >= :began)
    order by p.next_attempt_at, p.id
    limit :most
    for update of p skip locked
),

promised as (
    select
        s.draw_id,
        sum(s.quantity::bigint * w.entries) filter (where p.product_state = 'pending') as paid,
        sum(s.quantity::bigint * w.entries) filter (where p.product_state <> 'pending') as under_way
    from books.payment as p
    inner join books.offline_sale as s on s.stream_id = p.stream_id and s.seq = p.seq
    inner join portal.draw_product as w on w.id = s.draw_product_id
    where
        (p.product_state = 'pending' or p.state in ('in_flight', 'unknown', 'needs_review'))
        and s.draw_id in (select due.draw_id from due where due.max_entries is not null)
    group by s.draw_id
),

placed as (
    select
        due.*,
        coalesce(c.next_entry, 1) - 1 + coalesce(o.paid, 0) as given,
        coalesce(o.under_way, 0) as under_way
    from due
    left join books.draw_counter as c on c.draw_id = due.draw_id
    left join promised as o on o.draw_id = due.draw_id
),

stopped as (
    select
        placed.*,
        case when stop is null and given + entries > max_entries then 'draw_sold_out' else stop end as stop_now
    from placed
),

judged as (
    select
        id,
        label,
        stop_now as stop,
        coalesce(
            given + under_way + sum(entries) filter (where stop_now is null)
                over (partition by draw_id order by next_attempt_at, id)
            > max_entries,
            false
        ) as must_wait
    from stopped
),

claimed as (
    update books.payment as p
    set
        state = case when j.stop is not null then 'failed_hard' when j.must_wait then p.state else 'in_flight' end,
        leased_until = case when j.stop is null and not j.must_wait then :leased_until::timestamptz end,
        stopped_by = j.stop,
        next_attempt_at = case when j.stop is null and j.must_wait then :now::timestamptz + interval '5 minutes' end,
        fence = p.fence + 1,
        moved_at = :now,
        moved_by = :actor,
        move_reason = j.stop
    from judged as j
    where p.id = j.id
    returning p.*, j.label
),

attempted as (
    insert into books.payment_attempt (payment_id, attempt_no, card_token, started_at)
    select
        c.id,
        1 + (select coalesce(max(a.attempt_no), 0) from books.payment_attempt as a where a.payment_id = c.id),
        c.card_token,
        :now
    from claimed as c
    where c.state = 'in_flight'
    returning payment_id, key, started_at
)

select
    c.state, c.id, c.key, coalesce(c.label, c.id::text) as label, c.card_token, c.amount_minor, c.currency, c.fence,
    c.leased_until, c.tries, c.intent, c.method, a.key as attempt_key, a.started_at
from claimed as c
left join attempted as a on a.payment_id = c.id;

-- name: claim_unknown(now, leased_until, most, actor)
-- Which attempts are open with nobody at work on them: the worker is gone, or it got no answer?
with open_attempt as (
    select p.id
    from books.payment as p
    where
        (p.state = 'in_flight' and p.leased_until <= :now)
        or (
            p.state = 'unknown' and p.next_attempt_at <= :now
            and (p.leased_until is null or p.leased_until <= :now)
        )
    order by p.id
    limit :most
    for update skip locked
),

claimed as (
    update books.payment as p
    set
        state = 'unknown',
        leased_until = :leased_until,
        next_attempt_at = :now,
        fence = p.fence + 1,
        moved_at = :now,
        moved_by = :actor,
        move_reason = 'no answer came'
    from open_attempt as o
    where p.id = o.id
    returning p.*
)

select
    c.state, c.id, c.key, coalesce(l.key || ' ' || c.seq, c.id::text) as label, a.card_token, c.amount_minor,
    c.currency, c.fence, c.leased_until, c.tries, c.intent, c.method, a.key as attempt_key, a.started_at
from claimed as c
inner join books.payment_attempt as a on a.payment_id = c.id and a.finished_at is null
inner join books.offline_sale as s on s.stream_id = c.stream_id and s.seq = c.seq
left join portal.draw as d on d.id = s.draw_id
left join portal.lottery as l on l.id = d.lottery_id;

-- name: save_prepared(id, fence, intent, method)!
-- The gateway's names of the payment and its card, as long as the payment is ours.
update books.payment
set intent = :intent, method = :method
where id = :id and fence = :fence and state in ('in_flight', 'unknown');

-- name: settle(id, fence, state, outcome, code, reference, next_attempt_at, stopped_by, tries, paid_at, now, actor)$
-- Is the payment still ours? Then this is what became of its attempt.
with mine as (
    update books.payment as p
    set
        state = :state,
        leased_until = null,
        next_attempt_at = :next_attempt_at,
        stopped_by = :stopped_by,
        tries = p.tries + :tries,
        paid_at = :paid_at,
        product_state = case when :paid_at::timestamptz is null then p.product_state else 'pending' end,
        moved_at = :now,
        moved_by = :actor,
        move_reason = coalesce(:code, :stopped_by)
    where p.id = :id and p.fence = :fence and p.state in ('in_flight', 'unknown')
    returning p.id
),

settled as (
    update books.payment_attempt as a
    set finished_at = :now, outcome = :outcome, code = :code, reference = :reference
    from mine
    where a.payment_id = mine.id and a.finished_at is null and :outcome::text is not null
    returning a.payment_id
)

select count(*) from mine;
