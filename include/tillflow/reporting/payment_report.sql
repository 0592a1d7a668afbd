-- name: settled_imports()
-- Which imports have charged their last card, and nobody has been told?
select i.id
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
where
    i.kind = 'offline_sales' and i.booked_at is not null
    and not exists (select from mail.message as m where m.topic = 'import:' || i.id || ':done')
    and exists (select from books.payment as p where p.import_id = i.id and p.payment_type = 'CC')
    and s.status in ('completed', 'requires action')
order by i.id;

-- name: take_untold(now)
-- Which payments wait for a person who has not been told? They count as told in this transaction; who asks at the
-- same time gets the others.
with untold_payments as (
    select p.id
    from books.payment as p
    where
        p.told_at is null
        and (p.state in ('needs_review', 'failed_hard', 'exhausted', 'returned') or p.product_state = 'stuck')
    order by p.id
    for update skip locked
),

untold_refunds as (
    select r.id
    from books.refund as r
    where r.told_at is null and r.state in ('refused', 'to_pay_out')
    order by r.id
    for update skip locked
),

payments as (
    update books.payment as p
    set told_at = :now
    from untold_payments as u
    where p.id = u.id
    returning
        p.id, p.import_id, p.row_no, p.seq, p.payment_type, p.currency, p.amount_minor,
        case when p.product_state = 'stuck' then 'product_stuck' else p.state end as state,
        coalesce(p.product_problem, p.stopped_by) as reason
),

refunds as (
    update books.refund as r
    set told_at = :now
    from untold_refunds as u, books.payment as p
    where r.id = u.id and p.id = r.payment_id
    returning
        p.id, p.import_id, p.row_no, p.seq, p.payment_type, p.currency, p.amount_minor,
        'refund_' || r.state as state,
        case r.state when 'to_pay_out' then 'paid_out_by_hand' else r.stopped_by end as reason
)

select u.import_id, i.file_name, u.id, u.row_no, u.seq, u.payment_type, u.currency, u.amount_minor, u.state, u.reason
from (select * from payments union all select * from refunds) as u
inner join intake.import as i on i.id = u.import_id
order by u.import_id, u.row_no;
