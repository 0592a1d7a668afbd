-- name: files_received(since, before)
-- Which files came in that day, what became of each, and how does it balance per currency?
select
    i.id,
    i.kind,
    c.key as channel,
    i.file_name,
    i.uploader,
    i.received_at,
    s.status,
    b.currency,
    array[
        b.read_rows, b.sale_rows, b.exception_rows, b.duplicate_rows, b.not_billable_rows, b.rejected_rows
    ] as rows,
    array[
        b.read_minor, b.sale_minor, b.exception_minor, b.duplicate_minor, b.not_billable_minor, b.rejected_minor
    ] as minor
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
left join intake.balance as b on b.import_id = i.id
where i.received_at >= :since and i.received_at < :before
order by
    array_position(array['rejected', 'requires action', 'processing', 'completed'], s.status),
    i.received_at,
    i.id,
    b.currency;

-- name: problems_of_refused(since, before, most)
-- Why was each file of that day refused: its first errors, and how many there are?
with numbered as (
    select
        e.import_id,
        e.position,
        e.code,
        e.row_no,
        e.column_name,
        e.message,
        row_number() over (partition by e.import_id order by e.position) as nth,
        count(*) over (partition by e.import_id) as in_all
    from intake.file_error as e
    inner join intake.import as i on i.id = e.import_id
    where i.received_at >= :since and i.received_at < :before
)

select
    import_id,
    in_all,
    code,
    row_no,
    column_name,
    message
from numbered
where nth <= :most
order by import_id, position;

-- name: open_exceptions(now)
-- What waits for a person, by reason and currency, and how long has it waited? Without a reason: each once.
with waiting as (
    select
        id,
        reasons,
        currency,
        amount_minor,
        recorded_at,
        :now - recorded_at as age
    from books.exception
    where state = 'open'
),

by_reason as (
    select
        reason,
        w.*
    from waiting as w
    cross join unnest(w.reasons) as reason
    union all
    select
        null as reason,
        w.*
    from waiting as w
)

select
    reason,
    currency,
    count(*) as exceptions,
    sum(amount_minor)::bigint as minor,
    count(*) filter (where age < '24 hours') as under_1_day,
    count(*) filter (where age >= '24 hours' and age < '168 hours') as under_7_days,
    count(*) filter (where age >= '168 hours' and age < '720 hours') as under_30_days,
    count(*) filter (where age >= '720 hours') as older,
    min(recorded_at) as oldest_at
from by_reason
group by reason, currency
order by exceptions desc, reason, currency;

-- name: failed_mails(since, before)
-- Which mails were given up that day?
select
    topic,
    failed_at,
    attempts,
    coalesce(last_error, '') as problem
from mail.message
where failed_at >= :since and failed_at < :before
order by failed_at, id;

-- name: waiting_mails(now)
-- Which mails are still tried an hour after they were queued? `send_mail` runs every minute.
select
    topic,
    queued_at,
    attempts,
    coalesce(last_error, '') as problem
from mail.message
where sent_at is null and failed_at is null and queued_at < :now::timestamptz - interval '1 hour'
order by queued_at, id;
