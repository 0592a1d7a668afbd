-- name: open_exceptions(customer, site, equipment, reason, day_from, day_to, zone, viewer, after, most)
-- Which vends wait for a person, in the order of their recording, and what does the portal say of each at the
-- time of its vend? One page: the exceptions behind `after`, at most `most`. A `viewer` (a customer's key)
-- learns no names of other customers. No whole card, access code or PIN leaves the database.
with
wanted as materialized (
    select
        e.id, e.import_id, e.row_no, e.occurred_at as vended_at, e.recorded_at, e.reasons, e.currency,
        e.amount_minor, e.asset_no, c.key as customer, c.name as customer_name, s.key as site, s.name as site_name,
        coalesce(s.zone, :zone) as zone
    from books.exception as e
    left join portal.site as s on s.id = e.site_id
    left join portal.customer as c on c.id = e.customer_id
    where
        e.state = 'open' and e.kind = 'equipment_sync' and e.id > :after
        and (:customer::text is null or c.key = :customer)
        and (:site::text is null or s.key = :site)
        and (:equipment::text is null or e.asset_no = :equipment)
        and (:reason::text is null or :reason = any(e.reasons))
        and (
            (:day_from::date is null and :day_to::date is null)
            -- a vend whose time cannot be read counts on the day it was recorded
            or (coalesce(e.occurred_at, e.recorded_at) at time zone coalesce(s.zone, :zone))::date
            between coalesce(:day_from, '-infinity'::date) and coalesce(:day_to, 'infinity'::date)
        )
    order by e.id
    limit :most
),

-- trimmed as the judge trims
vends as materialized (
    select
        w.*, i.file_name, i.received_at, t.stream_id, t.seq,
        nullif(btrim(r.selection, b.blanks), '') as selection,
        nullif(btrim(r.product_code, b.blanks), '') as product_code,
        nullif(btrim(r.product_name, b.blanks), '') as product_name_sent,
        nullif(btrim(r.quantity, b.blanks), '') as quantity_text,
        nullif(btrim(r.card_no, b.blanks), '') as card_no,
        coalesce(btrim(r.facility_id, b.blanks), '') as facility_sent,
        nullif(btrim(r.access_code, b.blanks), '') as access_code,
        r.pin_hash,
        f.overrides_facility,
        lower(btrim(r.accept_any_card, b.blanks)) in ('1', 'true', 't', 'yes', 'y') as accepts_any_card,
        case when f.overrides_facility then '0' else coalesce(btrim(r.facility_id, b.blanks), '') end as facility_id,
        case when 'malformed_row' = any(w.reasons) then t.raw end as raw
    from wanted as w
    inner join intake.import as i on i.id = w.import_id
    inner join intake.transaction as t on (t.import_id, t.row_no) = (w.import_id, w.row_no)
    cross join lateral jsonb_to_record(t.raw) as r (
        selection text, product_code text, product_name text, quantity text, card_no text, facility_id text,
        access_code text, pin_hash uuid, accept_any_card text, override_facility text
    )
    cross join (select ' ' || chr(9) || chr(160) as blanks) as b
    cross join lateral (
        select
            coalesce(lower(btrim(r.override_facility, b.blanks)) in ('1', 'true', 't', 'yes', 'y'), false)
            as overrides_facility
    ) as f
),

placed as materialized (
    select v.*, q.id as equipment_id, a.id as allocation_id, h.id as host_id,
        case when :viewer::text is null or h.key = :viewer then h.key end as host
    from vends as v
    left join portal.equipment as q on q.asset_no = v.asset_no
    left join portal.allocation as a on a.equipment_id = q.id and a.valid @> v.vended_at
    left join portal.site as s on s.id = a.site_id
    left join portal.customer as h on h.id = s.customer_id
),

-- everybody, of any customer, who shows the same card or types the same access code
namesakes as (
    select v.id, u.id as consumer_id, u.facility_id = v.facility_id as is_same
    from placed as v
    inner join portal.consumer as u on u.card_no = v.card_no
    where v.reasons && array['unknown_user', 'user_role_mismatch', 'user_access_issue']
    union all
    select v.id, u.id as consumer_id, coalesce(u.pin_hash = v.pin_hash, false) as is_same
    from placed as v
    inner join portal.consumer as u on u.access_code = v.access_code
    where v.card_no is null and v.reasons && array['unknown_user', 'user_role_mismatch', 'user_access_issue']
),

ranked as materialized (
    select
        v.id, v.vended_at, v.equipment_id, u.id as consumer_id, n.is_same,
        coalesce(u.customer_id = v.host_id, false) as is_hosted,
        :viewer::text is null or c.key = :viewer as may_name,
        u.key as user_key, u.role, u.facility_id, c.key as customer,
        row_number() over (
            partition by v.id
            order by u.customer_id is not distinct from v.host_id desc, n.is_same desc, c.key, u.facility_id, u.key
        ) as place
    from namesakes as n
    inner join placed as v on v.id = n.id
    inner join portal.consumer as u on u.id = n.consumer_id
    inner join portal.customer as c on c.id = u.customer_id
),

users as (
    select
        id,
        jsonb_agg(
            jsonb_build_object(
                'key', case when may_name then user_key end,
                'customer', case when may_name then customer end,
                'facility', case when may_name then facility_id end,
                'role', case when may_name then role end,
                'is_hosted', is_hosted,
                'is_same', is_same
            )
            order by place
        ) as users
    from ranked
    where place <= 5
    group by id
),

-- once for each user and machine, however many vends they have; `offset 0` keeps it a look into the index
periods as materialized (
    select f.consumer_id, f.equipment_id, x.valid
    from (select distinct r.consumer_id, r.equipment_id from ranked as r where r.is_hosted and r.is_same) as f
    cross join lateral (
        select a.valid from portal.access as a
        where a.consumer_id = f.consumer_id and a.equipment_id = f.equipment_id
        offset 0
    ) as x
),

accesses as (
    select
        f.id,
        coalesce(bool_or(x.valid @> f.vended_at), false) as has_access,
        max(upper(x.valid)) filter (where upper(x.valid) <= f.vended_at) as access_ended,
        min(lower(x.valid)) filter (where lower(x.valid) > f.vended_at) as access_begins
    from ranked as f
    left join periods as x on (x.consumer_id, x.equipment_id) = (f.consumer_id, f.equipment_id)
    where f.is_hosted and f.is_same
    group by f.id
)

select
    v.id, v.import_id, v.file_name, v.row_no, v.customer, v.customer_name, v.site, v.site_name, v.asset_no,
    v.vended_at, v.zone, v.recorded_at, v.reasons, left(v.selection, 40) as selection,
    left(v.product_code, 40) as product_code, left(coalesce(p.name, v.product_name_sent), 200) as product_name,
    case
        when v.quantity_text is null then 1
        when v.quantity_text ~ '^[0-9]{1,15}$' and v.quantity_text::bigint between 1 and 9999
            then v.quantity_text::int
    end as quantity,
    v.currency, v.amount_minor,
    repeat('*', least(length(v.card_no) - least(4, length(v.card_no) / 2), 12))
    || right(v.card_no, least(4, length(v.card_no) / 2)) as card,
    left(v.facility_id, 20) as facility,
    repeat('*', least(length(v.access_code) - least(4, length(v.access_code) / 2), 12))
    || right(v.access_code, least(4, length(v.access_code) / 2)) as access_code,
    -- from here: what the suggestions are made of
    v.received_at, v.raw, v.overrides_facility, coalesce(v.accepts_any_card, false) as accepts_any_card,
    v.pin_hash is not null as has_pin,
    v.equipment_id is not null as is_known, v.allocation_id is not null as is_allocated, v.host,
    first_one.starts as first_allocated,
    earlier.ends as stood_until, earlier.site as stood_at, earlier.customer as stood_with, earlier.zone as stood_zone,
    later.starts as stands_from, later.site as stands_at, later.customer as stands_with, later.zone as stands_zone,
    g.id as planogram_id, z.code as product_there, p.id is not null as has_product,
    versions.ended as planogram_ended, versions.begins as planogram_begins,
    coalesce(u.users, '[]') as users,
    coalesce(x.has_access, false) as has_access, x.access_ended, x.access_begins,
    standing.import_id as standing_import, standing.row_no as standing_row, standing.verdict as standing_verdict,
    standing.amount_minor as standing_minor, standing.currency as standing_currency
from placed as v
left join portal.product as p on p.code = v.product_code
left join portal.planogram as g on g.equipment_id = v.equipment_id and g.valid @> v.vended_at
left join portal.selection as y on y.planogram_id = g.id and y.code = v.selection
left join portal.product as z on z.id = y.product_id
left join users as u on u.id = v.id
left join accesses as x on x.id = v.id
left join lateral (
    select
        max(upper(n.valid)) filter (where upper(n.valid) <= v.vended_at) as ended,
        min(lower(n.valid)) filter (where lower(n.valid) > v.vended_at) as begins
    from portal.planogram as n
    where n.equipment_id = v.equipment_id and g.id is null
) as versions on true
left join lateral (
    select min(lower(a.valid)) as starts from portal.allocation as a where a.equipment_id = v.equipment_id
) as first_one on true
left join lateral (
    select
        upper(a.valid) as ends, s.zone,
        case when :viewer::text is null or c.key = :viewer then s.key end as site,
        case when :viewer::text is null or c.key = :viewer then c.key end as customer
    from portal.allocation as a
    inner join portal.site as s on s.id = a.site_id
    inner join portal.customer as c on c.id = s.customer_id
    where a.equipment_id = v.equipment_id and v.allocation_id is null and upper(a.valid) <= v.vended_at
    order by upper(a.valid) desc
    limit 1
) as earlier on true
left join lateral (
    select
        lower(a.valid) as starts, s.zone,
        case when :viewer::text is null or c.key = :viewer then s.key end as site,
        case when :viewer::text is null or c.key = :viewer then c.key end as customer
    from portal.allocation as a
    inner join portal.site as s on s.id = a.site_id
    inner join portal.customer as c on c.id = s.customer_id
    where a.equipment_id = v.equipment_id and v.allocation_id is null and lower(a.valid) > v.vended_at
    order by lower(a.valid)
    limit 1
) as later on true
-- the row that came first: a sale, or the one row of its key that contradicted nothing
left join lateral (
    select k.*
    from (
        select s.import_id, s.row_no, 'sale' as verdict, s.amount_minor, s.currency, 1 as place
        from books.vend_sale as s
        where s.stream_id = v.stream_id and s.seq = v.seq
        union all
        select o.import_id, o.row_no, o.verdict, o.amount_minor, o.currency, 2 as place
        from intake.transaction as o
        left join books.exception as e on (e.import_id, e.row_no) = (o.import_id, o.row_no)
        where
            o.stream_id = v.stream_id and o.seq = v.seq and o.verdict <> 'duplicate'
            and coalesce(not 'sync_conflict' = any(e.reasons || e.cleared_reasons), true)
    ) as k
    where 'sync_conflict' = any(v.reasons)
    order by k.place, k.import_id, k.row_no
    limit 1
) as standing on true
order by v.id;

-- name: totals(customer, site, equipment, reason, day_from, day_to, zone)
-- How many of these vends wait, for how long and with how much money, by reason and currency? Under the reason
-- null each counts once; under its reasons once for each.
select
    r.reason, e.currency,
    count(*)::int as exceptions,
    sum(e.amount_minor)::bigint as amount_minor,
    min(e.recorded_at) as oldest
from books.exception as e
left join portal.site as s on s.id = e.site_id
left join portal.customer as c on c.id = e.customer_id
cross join lateral unnest(array[null] || e.reasons) as r (reason)
where
    e.state = 'open' and e.kind = 'equipment_sync'
    and (:customer::text is null or c.key = :customer)
    and (:site::text is null or s.key = :site)
    and (:equipment::text is null or e.asset_no = :equipment)
    and (:reason::text is null or :reason = any(e.reasons))
    and (
        (:day_from::date is null and :day_to::date is null)
        or (coalesce(e.occurred_at, e.recorded_at) at time zone coalesce(s.zone, :zone))::date
        between coalesce(:day_from, '-infinity'::date) and coalesce(:day_to, 'infinity'::date)
    )
group by r.reason, e.currency
order by r.reason nulls first, e.currency;
