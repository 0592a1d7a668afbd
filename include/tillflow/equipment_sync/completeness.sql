-- name: streams(customer, site, equipment)
-- Which sequences do the machines wanted have? From their first number on; `customer` and `site` ever hosted them.
select s.id as stream_id, 0::bigint as from_seq, 0::bigint as first_seq
from intake.stream as s
where
    s.kind = 'equipment_sync'
    and (:equipment::text is null or s.owner = :equipment)
    and (
        coalesce(:customer::text, :site::text) is null
        or exists (
            select
            from portal.equipment as e
            inner join portal.allocation as a on a.equipment_id = e.id
            inner join portal.site as t on t.id = a.site_id
            inner join portal.customer as c on c.id = t.customer_id
            where
                e.asset_no = s.owner and (:customer::text is null or c.key = :customer)
                and (:site::text is null or t.key = :site)
        )
    )
order by s.id;

-- name: streams_received(since, before)
-- Which sequences got numbers by the files of that time, from which number on, and from where must one look? From the
-- number before the first, and from the last reading before it of every counter that was read since; rows that were taken
-- back with their import are neither.
with
received as materialized (
    select i.id from intake.import as i
    where i.kind = 'equipment_sync' and i.received_at >= :since and i.received_at < :before
),

touched as (
    select n.stream_id, min(n.seq) as first_seq
    from (
        select v.stream_id, v.seq from books.vend_sale as v
        where v.import_id = any(array(select r.id from received as r))
        union all
        select t.stream_id, t.seq from intake.transaction as t
        where
            t.import_id = any(array(select r.id from received as r))
            and t.stream_id is not null and t.verdict <> 'duplicate'
    ) as n
    group by n.stream_id
)

select t.stream_id, least(t.first_seq, greatest(v.seq, x.seq), m.seq) as from_seq, t.first_seq
from touched as t
left join lateral (
    select max(s.seq) as seq from books.vend_sale as s where s.stream_id = t.stream_id and s.seq < t.first_seq
) as v on true
left join lateral (
    select s.seq from intake.transaction as s
    where
        s.stream_id = t.stream_id and s.seq < t.first_seq and s.verdict <> 'duplicate'
        and not exists (select from books.reversal as r where r.import_id = s.import_id and r.row_no = s.row_no)
    order by s.seq desc
    limit 1
) as x on true
left join lateral (
    select min(b.seq) as seq
    from (
        select distinct r.selection from intake.meter_reading as r
        where r.stream_id = t.stream_id and r.seq >= t.first_seq
    ) as c
    cross join lateral (
        select r.seq from intake.meter_reading as r
        where
            r.stream_id = t.stream_id and r.selection = c.selection and r.seq < t.first_seq and r.meter is not null
            and not exists (select from books.reversal as v where v.import_id = r.import_id and v.row_no = r.row_no)
        order by r.seq desc
        limit 1
    ) as b
) as m on true
order by t.stream_id;

-- name: missing(streams, from_seqs, first_seqs, customer, site, equipment)
-- Which running numbers were passed over, and between which vends? The first number of a sequence is no gap,
-- wherever it begins. The place is that of the machine when it vended again.
with
wanted as (
    select w.stream_id, w.from_seq, w.first_seq
    from unnest(:streams::int[], :from_seqs::bigint[], :first_seqs::bigint[]) as w (stream_id, from_seq, first_seq)
),

numbers as (
    select n.stream_id, w.first_seq, n.seq, lead(n.seq) over (partition by n.stream_id order by n.seq) as next_seq
    from wanted as w
    inner join intake.standing_vend as n on n.stream_id = w.stream_id and n.seq >= w.from_seq
),

gaps as materialized (
    select n.stream_id, n.seq, n.next_seq
    from numbers as n
    where n.next_seq > n.seq + 1 and n.next_seq >= n.first_seq
)

select
    s.owner as asset_no, s.part as boot_id, c.key as customer, c.name as customer_name, t.key as site,
    t.name as site_name, coalesce(t.zone, 'UTC') as zone, g.seq + 1 as first_missing, g.next_seq - 1 as last_missing,
    b.happened_at as before_at, n.happened_at as after_at
from gaps as g
inner join intake.stream as s on s.id = g.stream_id
left join lateral (
    select v.happened_at from intake.standing_vend as v where v.stream_id = g.stream_id and v.seq = g.seq limit 1
) as b on true
left join lateral (
    select v.happened_at from intake.standing_vend as v where v.stream_id = g.stream_id and v.seq = g.next_seq limit 1
) as n on true
left join portal.equipment as e on e.asset_no = s.owner
left join portal.allocation as a on a.equipment_id = e.id and a.valid @> n.happened_at
left join portal.site as t on t.id = a.site_id
left join portal.customer as c on c.id = t.customer_id
where
    (:customer::text is null or c.key = :customer) and (:site::text is null or t.key = :site)
    and (:equipment::text is null or s.owner = :equipment)
order by s.owner, s.part, g.seq;

-- name: meter_differences(streams, from_seqs, first_seqs, customer, site, equipment)
-- Between which two readings of a counter did it go on by another number of products than were recorded? Only readings
-- of one board and one boot are compared; a counter that goes down has begun anew, and what lies around a row that
-- cannot be read is unknown: there the later reading is a new beginning.
with
wanted as (
    select w.stream_id, w.from_seq, w.first_seq
    from unnest(:streams::int[], :from_seqs::bigint[], :first_seqs::bigint[]) as w (stream_id, from_seq, first_seq)
    where exists (select from intake.meter_reading as m where m.stream_id = w.stream_id)
),

numbered as (
    select
        n.*,
        w.first_seq,
        row_number() over (partition by n.stream_id order by n.seq) as place,
        count(*) filter (where n.products is null) over (partition by n.stream_id order by n.seq) as unreadable,
        sum(n.products) over (partition by n.stream_id, n.selection order by n.seq) as vended
    from wanted as w
    inner join intake.standing_vend as n on n.stream_id = w.stream_id and n.seq >= w.from_seq
),

readings as (
    select
        n.stream_id, n.selection, n.first_seq, n.seq, n.happened_at, n.place, n.unreadable, n.vended,
        m.board_id, m.meter,
        lag(n.seq) over before_it as seq_before,
        lag(n.happened_at) over before_it as happened_before,
        lag(n.place) over before_it as place_before,
        lag(n.unreadable) over before_it as unreadable_before,
        lag(n.vended) over before_it as vended_before,
        lag(m.board_id) over before_it as board_before,
        lag(m.meter) over before_it as meter_before
    from intake.meter_reading as m
    inner join numbered as n
        on n.stream_id = m.stream_id and n.seq = m.seq and n.import_id = m.import_id and n.row_no = m.row_no
    where m.meter is not null
    window before_it as (partition by n.stream_id, n.selection order by n.seq)
),

differences as (
    select r.*, r.meter - r.meter_before as counted, (r.vended - r.vended_before)::bigint as recorded
    from readings as r
    where
        r.seq >= r.first_seq and r.board_id = r.board_before and r.meter >= r.meter_before
        and r.unreadable = r.unreadable_before and r.meter - r.meter_before <> r.vended - r.vended_before
)

select
    s.owner as asset_no, s.part as boot_id, c.key as customer, c.name as customer_name, t.key as site,
    t.name as site_name, coalesce(t.zone, 'UTC') as zone, d.selection, d.board_id, d.seq_before, d.seq,
    d.happened_before, d.happened_at, d.meter_before, d.meter, d.recorded,
    d.seq - d.seq_before - (d.place - d.place_before) as missing_numbers
from differences as d
inner join intake.stream as s on s.id = d.stream_id
left join portal.equipment as e on e.asset_no = s.owner
left join portal.allocation as a on a.equipment_id = e.id and a.valid @> d.happened_at
left join portal.site as t on t.id = a.site_id
left join portal.customer as c on c.id = t.customer_id
where
    (:customer::text is null or c.key = :customer) and (:site::text is null or t.key = :site)
    and (:equipment::text is null or s.owner = :equipment)
order by s.owner, s.part, d.selection, d.seq;

-- name: unreadable_readings(since, before)$
-- How many counters could not be read in the files of that time, as far as these were not taken back?
select count(*)
from intake.meter_reading as m
inner join intake.import as i on i.id = m.import_id
where
    m.meter is null and i.received_at >= :since and i.received_at < :before
    and not exists (select from books.reversal as r where r.import_id = m.import_id and r.row_no = m.row_no);

-- name: silent_machines(now, customer, site, equipment)
-- Which machines at a site have sold nothing for longer than they may? A vend counts whatever its verdict. Each machine
-- is looked up: the latest vend of a boot is the one with its greatest number, the latest exception has an index.
with at_a_site as (
    select
        e.id,
        e.asset_no,
        e.name,
        s.name as site,
        c.name as customer,
        lower(a.valid) as placed_at,
        e.silent_after_hours
    from portal.equipment as e
    inner join portal.allocation as a on a.equipment_id = e.id and a.valid @> :now::timestamptz
    inner join portal.site as s on s.id = a.site_id
    inner join portal.customer as c on c.id = s.customer_id
    where
        (:customer::text is null or c.key = :customer)
        and (:site::text is null or s.key = :site)
        and (:equipment::text is null or e.asset_no = :equipment)
),

heard_of as (
    select m.*, :now - greatest(l.vended_at, m.placed_at) as silence, l.vended_at
    from at_a_site as m
    cross join lateral (
        select greatest(
            (
                select max(least(v.vended_at, v.recorded_at))
                from intake.stream as s
                cross join lateral (
                    select b.vended_at, b.recorded_at
                    from books.vend_sale as b
                    where b.stream_id = s.id
                    order by b.seq desc
                    limit 1
                ) as v
                where s.kind = 'equipment_sync' and s.owner = m.asset_no
            ),
            -- a machine's clock may be wrong, but it was there when the row was recorded
            (
                select max(least(x.occurred_at, x.recorded_at))
                from books.exception as x
                where x.kind = 'equipment_sync' and x.equipment_id = m.id
            ),
            -- a test or free vend shows that the machine runs and syncs
            (
                select max(least(intake.instant_of(t.vended_at), i.booked_at))
                from intake.stream as s
                cross join lateral (
                    select r.import_id, r.raw ->> 'vended_at' as vended_at
                    from intake.transaction as r
                    where r.stream_id = s.id and r.verdict <> 'duplicate'
                    order by r.seq desc
                    limit 1
                ) as t
                inner join intake.import as i on i.id = t.import_id
                where s.kind = 'equipment_sync' and s.owner = m.asset_no
            )
        ) as vended_at
    ) as l
)

select
    h.asset_no,
    h.name,
    h.site,
    h.customer,
    h.vended_at,
    floor(extract(epoch from h.silence) / 3600)::int as silent_hours,
    h.silent_after_hours
from heard_of as h
where h.silence > make_interval(hours => h.silent_after_hours)
order by h.silence desc, h.asset_no;
