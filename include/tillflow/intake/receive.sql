-- name: channel(key)^
-- Which channel is that?
select c.id, c.key from portal.channel as c where c.key = :key;

-- name: taken_before(kind, channel_id, sha256, source, source_version)^
-- Was this very file taken before, and from which delivery? One whose import was undone may come again, in another.
select i.id, i.file_name, i.received_at, i.source, i.source_version
from intake.import as i
where
    i.kind = :kind and coalesce(i.channel_id, 0) = coalesce(:channel_id::int, 0)
    and i.sha256 = :sha256 and i.rejected_at is null
    and (i.undone_at is null or (i.source = :source and i.source_version = :source_version))
order by i.undone_at nulls first
limit 1;

-- name: refused_before(source, source_version)^
-- Did a task refuse this very delivery and die before it cleared the inbox?
select i.id from intake.import as i
where i.source = :source and i.source_version = :source_version and i.rejected_at is not null
order by i.id desc
limit 1;

-- name: add_import(kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, reading, at, archive_path, rejected_at)$
-- Record a file as received (or as refused while it was read).
insert into intake.import
(
    kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, reading, received_at,
    archive_path, rejected_at
)
values (
    :kind, :channel_id, :file_name, :uploader, :source, :source_version, :sha256, :size_bytes, :reading::jsonb,
    :at, :archive_path, :rejected_at
)
on conflict do nothing
returning id;
