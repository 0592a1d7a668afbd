-- name: list_imports(kinds, is_every_channel, channels, is_machines, before, status, channel, uploader, file_name, since, until, most)
-- Which imports may this person see, newest first, how far are they, and what became of their rows?
with page as materialized (
    select i.id, i.kind, c.key as channel, c.zone, i.file_name, i.uploader, i.received_at
    from intake.import as i
    left join portal.channel as c on c.id = i.channel_id
    where
        i.kind = any(:kinds)
        and (:before::int is null or i.id < :before)
        and (:channel::text is null or c.key = :channel)
        and (:uploader::text is null or i.uploader = :uploader)
        and (:file_name::text is null or strpos(lower(i.file_name), lower(:file_name)) > 0)
        and (
            :status::text is null
            or (select s.status from intake.import_status as s where s.import_id = i.id) = :status
        )
        and (:since::timestamptz is null or (i.received_at >= :since and i.received_at < :until))
        and case
            when i.kind = 'offline_sales' then :is_every_channel or c.key = any(:channels)
            else :is_machines
        end
    order by i.id desc
    limit :most
)

select
    p.id,
    p.kind,
    p.channel,
    p.zone,
    p.file_name,
    p.uploader,
    p.received_at,
    s.status,
    counted.counts,
    counted.value
from page as p
inner join intake.import_status as s on s.import_id = p.id
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
