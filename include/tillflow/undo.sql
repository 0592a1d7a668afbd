-- name: lock_import(import_id)^
-- The import as it stands, locked: a second one who undoes it waits and is told.
select i.kind, i.booked_at is not null as is_booked, i.undone_at is not null as is_undone
from intake.import as i
where i.id = :import_id
for update;

-- name: lock_exceptions(import_id)!
-- Whoever resolves, reconciles or closes one of its rows, or one that it corrects, comes before or after.
select x.id
from books.exception as x
where x.import_id = :import_id or x.superseded_by = :import_id
order by x.id
for update;

-- name: claim_streams(import_id)!
-- Whoever books rows of the same keys comes before or after; written, so that who waits starts again.
update intake.stream as s
set high_water = s.high_water
from (
    select t.id from intake.stream as t
    where t.id in (
        select v.stream_id from books.vend_sale as v where v.import_id = :import_id
        union
        select o.stream_id from books.offline_sale as o where o.import_id = :import_id
        union
        select r.stream_id from intake.transaction as r where r.import_id = :import_id
    )
    order by t.id
    for update
) as locked
where s.id = locked.id;

-- name: lock_payments(import_id)!
-- Whoever charges one of its payments comes before or after.
select p.id from books.payment as p where p.import_id = :import_id order by p.id for update;

-- name: customers_sold_to(import_id)
-- To whom may its vends be invoiced meanwhile?
select c.key
from portal.customer as c
where c.id in (
    select p.customer_id
    from books.vend_sale as s
    inner join books.place as p on p.id = s.place_id
    where
        s.import_id = :import_id
        and exists (select from intake.import as i where i.id = :import_id and i.kind = 'equipment_sync')
)
order by c.key;

-- name: create_undoing_table()#
-- Which row goes, which stays, and why.
create temporary table undoing (
    row_no int primary key, bucket text not null, outcome text not null, why text not null, currency char(3) not null,
    amount_minor bigint not null
) on commit drop;

-- name: decide_orders(import_id)!
-- Which orders are paid, or may be? What a person has closed stays closed.
insert into undoing (row_no, bucket, outcome, why, currency, amount_minor)
select s.row_no, 'sale', split_part(d.found, ':', 1), split_part(d.found, ':', 2), s.currency, s.amount_minor
from books.offline_sale as s
inner join books.payment as p on p.import_id = s.import_id and p.row_no = s.row_no
left join books.refund as r on r.payment_id = p.id
cross join lateral (
    select
        case
            when p.state = 'canceled' then 'kept:abandoned'
            when r.state = 'refunded' then 'kept:refunded'
            when p.paid_at is not null then 'refused:paid'
            when p.state = 'in_flight' then 'refused:being_charged'
            when p.state in ('unknown', 'needs_review') then 'refused:charge_unknown'
            else 'reversed:not_paid'
        end as found
) as d
where s.import_id = :import_id;

-- name: decide_vends(import_id)!
-- Which vends are invoiced?
insert into undoing (row_no, bucket, outcome, why, currency, amount_minor)
select
    s.row_no,
    'sale' as bucket,
    case when i.is_invoiced then 'refused' else 'reversed' end as outcome,
    case when i.is_invoiced then 'invoiced' else 'not_invoiced' end as why,
    s.currency,
    s.amount_minor
from books.vend_sale as s
cross join lateral (select books.vend_sale_is_invoiced(s.stream_id, s.seq) as is_invoiced) as i
where s.import_id = :import_id;

-- name: decide_others(import_id)!
-- What became of the rows that did not become sales?
insert into undoing (row_no, bucket, outcome, why, currency, amount_minor)
select t.row_no, t.verdict, split_part(d.found, ':', 1), split_part(d.found, ':', 2), t.currency, t.amount_minor
from intake.transaction as t
left join books.exception as x on x.import_id = t.import_id and x.row_no = t.row_no
cross join lateral (
    select
        case
            when t.verdict <> 'exception' then 'reversed:' || t.verdict
            when x.state = 'open' then 'reversed:waiting'
            when x.state = 'superseded' then 'refused:corrected_by_another_import'
            else 'kept:' || x.state
        end as found
) as d
where
    t.import_id = :import_id and x.state is distinct from 'reconciled'
    and not exists (select from books.reversal as r where r.import_id = t.import_id and r.row_no = t.row_no);

-- name: cancel_payments(import_id, actor, now, reason)!
update books.payment as p
set
    state = 'canceled', next_attempt_at = null, stopped_by = null, moved_at = :now, moved_by = :actor,
    move_reason = :reason
from undoing as u
where p.import_id = :import_id and p.row_no = u.row_no and u.outcome = 'reversed' and p.state <> 'canceled';

-- name: take_back_sales(import_id, actor, now)$
select books.take_back_sales(
    :import_id,
    array(select u.row_no from undoing as u where u.outcome = 'reversed' and u.bucket = 'sale' order by u.row_no),
    :now, :actor
);

-- name: take_back_others(import_id, actor, now)!
insert into books.reversal (import_id, row_no, bucket, currency, amount_minor, reversed_at, reversed_by)
select :import_id, u.row_no, u.bucket, u.currency, u.amount_minor, :now, :actor
from undoing as u
where u.outcome = 'reversed' and u.bucket <> 'sale';

-- name: close_exceptions(import_id, actor, now, reason)!
-- Also those that had become sales.
with closed as (
    update books.exception as x
    set state = 'reversed', closed_at = :now
    from undoing as u
    where x.import_id = :import_id and x.row_no = u.row_no and u.outcome = 'reversed'
    returning x.id
)

insert into history.event (happened_at, actor, subject, subject_key, action, reason)
select :now, :actor, 'exception', c.id::text, 'reversed', :reason from closed as c order by c.id;

-- name: reopen_corrected(import_id, actor, now, reason)!
-- The rows that it had corrected wait again.
with reopened as (
    update books.exception as x
    set state = 'open', closed_at = null, superseded_by = null, superseded_by_row = null
    from undoing as u
    where
        x.superseded_by = :import_id and x.superseded_by_row = u.row_no and u.outcome = 'reversed'
        and x.state = 'superseded'
    returning x.id
)

insert into history.event (happened_at, actor, subject, subject_key, action, reason)
select :now, :actor, 'exception', r.id::text, 'reopened', :reason from reopened as r order by r.id;

-- name: move_balance(import_id)!
-- What is taken back counts as rejected; the triggers count again when this commits.
update intake.balance as b
set
    sale_rows = b.sale_rows - m.sale_rows, sale_minor = b.sale_minor - m.sale_minor,
    exception_rows = b.exception_rows - m.exception_rows, exception_minor = b.exception_minor - m.exception_minor,
    duplicate_rows = b.duplicate_rows - m.duplicate_rows, duplicate_minor = b.duplicate_minor - m.duplicate_minor,
    not_billable_rows = b.not_billable_rows - m.not_billable_rows,
    not_billable_minor = b.not_billable_minor - m.not_billable_minor,
    rejected_rows = b.rejected_rows + m.all_rows, rejected_minor = b.rejected_minor + m.all_minor
from (
    select
        u.currency,
        count(*)::int as all_rows,
        sum(u.amount_minor)::bigint as all_minor,
        (count(*) filter (where u.bucket = 'sale'))::int as sale_rows,
        (count(*) filter (where u.bucket = 'exception'))::int as exception_rows,
        (count(*) filter (where u.bucket = 'duplicate'))::int as duplicate_rows,
        (count(*) filter (where u.bucket = 'not_billable'))::int as not_billable_rows,
        coalesce(sum(u.amount_minor) filter (where u.bucket = 'sale'), 0)::bigint as sale_minor,
        coalesce(sum(u.amount_minor) filter (where u.bucket = 'exception'), 0)::bigint as exception_minor,
        coalesce(sum(u.amount_minor) filter (where u.bucket = 'duplicate'), 0)::bigint as duplicate_minor,
        coalesce(sum(u.amount_minor) filter (where u.bucket = 'not_billable'), 0)::bigint as not_billable_minor
    from undoing as u
    where u.outcome = 'reversed'
    group by u.currency
) as m
where b.import_id = :import_id and b.currency = m.currency;

-- name: totals()
-- How many rows, and how much money, go or stay, and why?
select u.outcome, u.why, u.bucket, u.currency, count(*)::int as rows, sum(u.amount_minor)::bigint as minor
from undoing as u
group by u.outcome, u.why, u.bucket, u.currency
order by u.outcome desc, u.why, u.bucket, u.currency;

-- name: rows_of(outcome, most)
-- Which rows are they?
select u.row_no, u.bucket, u.why, u.currency, u.amount_minor
from undoing as u
where u.outcome = :outcome
order by u.row_no
limit :most;

-- name: mark_undone(import_id, now)!
update intake.import set undone_at = :now where id = :import_id and undone_at is null;

-- name: record(import_id, actor, now, action, reason, after)!
insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
values (:now, :actor, 'intake.import', :import_id::text, :action, :reason, :after::jsonb);

-- name: check_constraints_now()#
-- Run the checks that wait for the commit: a preview never commits.
set constraints all immediate;
