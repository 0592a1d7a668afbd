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

-- name: silent_machines(now)
-- Which machines at a site have sold nothing for longer than they may? A vend counts whatever its
-- verdict. The latest vend of a boot is the one with its greatest number: one look into the index.
with latest_sale as (
    select
        p.equipment_id,
        least(v.vended_at, v.recorded_at) as vended_at
    from intake.stream as s
    cross join
        lateral (
            select
                place_id,
                vended_at,
                recorded_at
            from books.vend_sale
            where stream_id = s.id
            order by seq desc
            limit 1
        ) as v
    inner join books.place as p on p.id = v.place_id
    where s.kind = 'equipment_sync'
),

vend as (
    select
        equipment_id,
        vended_at
    from latest_sale
    union all
    -- a machine's clock may be wrong, but it was there when the row was recorded
    select
        equipment_id,
        coalesce(least(occurred_at, recorded_at), recorded_at) as vended_at
    from books.exception
    where kind = 'equipment_sync' and equipment_id is not null
),

last_vend as (
    select
        equipment_id,
        max(vended_at) as vended_at
    from vend
    group by equipment_id
),

at_a_site as (
    select
        e.asset_no,
        e.name,
        s.name as site,
        c.name as customer,
        l.vended_at,
        :now - greatest(l.vended_at, lower(a.valid)) as silence,
        e.silent_after_hours
    from portal.equipment as e
    inner join portal.allocation as a on a.equipment_id = e.id and a.valid @> :now::timestamptz
    inner join portal.site as s on s.id = a.site_id
    inner join portal.customer as c on c.id = s.customer_id
    left join last_vend as l on l.equipment_id = e.id
)

select
    asset_no,
    name,
    site,
    customer,
    vended_at,
    floor(extract(epoch from silence) / 3600)::int as silent_hours,
    silent_after_hours
from at_a_site
where silence > make_interval(hours => silent_after_hours)
order by silence desc, asset_no;

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
