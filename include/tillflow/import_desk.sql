-- name: in_sight(kinds, is_every_channel, channels, is_machines, before, most)
-- Which imports of these kinds may this person see, newest first? Each channel and each kind by its own index.
with of_channels as (
    select newest.id
    from portal.channel as c
    cross join lateral (
        select i.id
        from intake.import as i
        where i.channel_id = c.id and i.id < :before
        order by i.id desc
        limit :most
    ) as newest
    where not :is_every_channel and c.key = any(:channels) and 'offline_sales' = any(:kinds)
),

of_kinds as (
    select newest.id
    from unnest(:kinds::text[]) as k (kind)
    cross join lateral (
        select i.id
        from intake.import as i
        where i.kind = k.kind and i.id < :before
        order by i.id desc
        limit :most
    ) as newest
    where case when k.kind = 'offline_sales' then :is_every_channel else :is_machines end
)

select s.id
from (select o.id from of_channels as o union all select o.id from of_kinds as o) as s
order by s.id desc
limit :most;

-- name: received_between(since, until, before, most)
-- Which imports came then, newest first? The moments are read first: they are few, wherever they are.
with received as materialized (
    select i.id from intake.import as i where i.received_at >= :since and i.received_at < :until
)

select r.id from received as r where r.id < :before order by r.id desc limit :most;

-- name: that_may_be(status, before, most)
-- Which imports may be processing, require action or be rejected, newest first?
select m.id from intake.imports_that_may_be(:status, :before, :most) as m (id);

-- name: read_imports(ids, kinds, is_every_channel, channels, is_machines, status, uploader, file_name, since, until, most)
-- Which of these imports may this person see and are wanted, how far are they, and what became of their rows?
with looked_at as materialized (
    select
        i.id,
        i.kind,
        c.key as channel,
        c.zone,
        i.file_name,
        i.uploader,
        i.received_at,
        (select s.status from intake.import_status as s where s.import_id = i.id) as status
    from intake.import as i
    left join portal.channel as c on c.id = i.channel_id
    where
        i.id = any(:ids)
        and i.kind = any(:kinds)
        and (:uploader::text is null or i.uploader = :uploader)
        and (:file_name::text is null or strpos(lower(i.file_name), lower(:file_name)) > 0)
        and (:since::timestamptz is null or (i.received_at >= :since and i.received_at < :until))
        and case
            when i.kind = 'offline_sales' then :is_every_channel or c.key = any(:channels)
            else :is_machines
        end
    order by i.id desc
),

page as materialized (
    select l.* from looked_at as l where :status::text is null or l.status = :status order by l.id desc limit :most
)

select
    p.id,
    p.kind,
    p.channel,
    p.zone,
    p.file_name,
    p.uploader,
    p.received_at,
    p.status,
    counted.counts,
    counted.value
from page as p
cross join lateral (
    select jsonb_build_object(
        'read', coalesce(sum(b.read_rows), 0),
        'sales', coalesce(sum(b.sale_rows), 0),
        'exceptions', coalesce(sum(b.exception_rows), 0),
        'duplicates', coalesce(sum(b.duplicate_rows), 0),
        'not_billable', coalesce(sum(b.not_billable_rows), 0),
        'rejected', coalesce(sum(b.rejected_rows), 0)
    ) as counts,
    -- XXX holds rows whose currency cannot be read: their money is none
    coalesce(
        jsonb_object_agg(b.currency, b.sale_minor + b.exception_minor) filter (where b.currency <> 'XXX'), '{}'
    ) as value
    from intake.balance as b
    where b.import_id = p.id
) as counted
order by p.id desc;

-- name: file_errors(import_id, after, most)
-- Why was this file refused, a page at a time?
select e.position, e.code, e.message, e.row_no, e.column_name
from intake.file_error as e
where e.import_id = :import_id and e.position > :after
order by e.position
limit :most;
