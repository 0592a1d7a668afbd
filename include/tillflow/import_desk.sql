-- name: list_imports(kinds, is_every_channel, channels, is_machines, before, most)
-- Which imports may this person see, newest first, how far are they, and what became of their rows?
with page as materialized (
    select i.id, i.kind, c.key as channel, c.zone, i.file_name, i.uploader, i.received_at
    from intake.import as i
    left join portal.channel as c on c.id = i.channel_id
    where
        i.kind = any(:kinds)
        and (:before::int is null or i.id < :before)
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
    counted.counts
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
    ) as counts
    from intake.balance as b
    where b.import_id = p.id
) as counted
order by p.id desc;
