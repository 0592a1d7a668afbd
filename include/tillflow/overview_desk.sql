-- name: per_day(since, before, zone, is_every_channel, channels, is_machines)
-- How many files came on each day of this time, and what became of their rows?
select
    (i.received_at at time zone :zone)::date as day,
    count(distinct i.id)::int as files,
    coalesce(sum(b.read_rows), 0)::bigint as read,
    coalesce(sum(b.sale_rows), 0)::bigint as sales,
    coalesce(sum(b.exception_rows), 0)::bigint as exceptions
from intake.import as i
left join portal.channel as c on c.id = i.channel_id
left join intake.balance as b on b.import_id = i.id
where
    i.received_at >= :since and i.received_at < :before
    and case
        when i.kind = 'offline_sales' then :is_every_channel or c.key = any(:channels)
        else :is_machines
    end
group by day
order by day;

-- name: money(since, before, is_every_channel, channels, is_machines)
-- How much money came with the files of this time, by currency, and what became of it?
select
    b.currency,
    sum(b.read_minor)::bigint as read,
    sum(b.sale_minor)::bigint as sales,
    sum(b.exception_minor)::bigint as exceptions,
    sum(b.duplicate_minor)::bigint as duplicates,
    sum(b.not_billable_minor)::bigint as not_billable,
    sum(b.rejected_minor)::bigint as rejected
from intake.import as i
inner join intake.balance as b on b.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
where
    i.received_at >= :since and i.received_at < :before
    and case
        when i.kind = 'offline_sales' then :is_every_channel or c.key = any(:channels)
        else :is_machines
    end
group by b.currency
order by b.currency;

-- name: waiting_payments(now, is_every_channel, channels)
-- Which payments wait to be charged, by currency, and in how many hours is their turn?
select
    case
        when p.next_attempt_at <= :now then 'due now'
        when p.next_attempt_at <= :now::timestamptz + interval '6 hours' then 'in 6 hours'
        when p.next_attempt_at <= :now::timestamptz + interval '24 hours' then 'in 24 hours'
        when p.next_attempt_at <= :now::timestamptz + interval '48 hours' then 'in 48 hours'
        else 'later'
    end as turn,
    p.currency,
    count(*)::int as payments,
    sum(p.amount_minor)::bigint as minor,
    min(p.next_attempt_at) as next_at
from books.payment as p
inner join intake.import as i on i.id = p.import_id
left join portal.channel as c on c.id = i.channel_id
where p.state in ('due', 'retry_wait') and (:is_every_channel or c.key = any(:channels))
group by turn, p.currency
order by min(p.next_attempt_at);

-- name: undecided_payments(is_every_channel, channels)
-- Which payments wait for a person or for the bank's answer, by tab and currency?
with waiting as (
    select
        case when p.state = 'received' then 'funds_pending' else 'requires_action' end as tab,
        p.import_id,
        p.currency,
        p.amount_minor
    from books.payment as p
    where
        p.state = 'received'
        or p.state in ('needs_review', 'failed_hard', 'exhausted', 'returned') or p.product_state = 'stuck'
)

select
    w.tab,
    w.currency,
    count(*)::int as payments,
    sum(w.amount_minor)::bigint as minor,
    min(w.import_id) as first_import
from waiting as w
inner join intake.import as i on i.id = w.import_id
left join portal.channel as c on c.id = i.channel_id
where :is_every_channel or c.key = any(:channels)
group by w.tab, w.currency
order by w.tab, w.currency;

-- name: open_exceptions(now, is_every_channel, channels, is_every_customer, customers)
-- What waits for a person, by kind and reason (null: each once) and currency, and how long has it waited?
with waiting as (
    select
        e.id, e.kind, e.reasons, e.currency, e.amount_minor, e.recorded_at,
        :now::timestamptz - e.recorded_at as age
    from books.exception as e
    left join portal.channel as c on c.id = e.channel_id
    left join portal.customer as k on k.id = e.customer_id
    where
        e.state = 'open'
        and case
            when e.kind = 'offline_sales' then :is_every_channel or c.key = any(:channels)
            else :is_every_customer or k.key = any(:customers)
        end
)

select
    w.kind,
    r.reason,
    w.currency,
    count(*)::int as exceptions,
    sum(w.amount_minor)::bigint as minor,
    (count(*) filter (where w.age < '24 hours'))::int as under_1_day,
    (count(*) filter (where w.age >= '24 hours' and w.age < '168 hours'))::int as under_7_days,
    (count(*) filter (where w.age >= '168 hours' and w.age < '720 hours'))::int as under_30_days,
    (count(*) filter (where w.age >= '720 hours'))::int as older,
    min(w.recorded_at) as oldest_at
from waiting as w
cross join lateral unnest(array[null] || w.reasons) as r (reason)
group by w.kind, r.reason, w.currency
order by w.kind, r.reason nulls first, w.currency;
