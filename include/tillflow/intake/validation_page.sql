-- name: find_import(import_id)^
-- Which file was this, how was it read, and what became of it?
select i.kind, c.key as channel, i.file_name, i.uploader, i.received_at, s.status, i.reading
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
where i.id = :import_id;

-- name: is_validated(import_id)$
-- Did Great Expectations say anything of it? Not where the file was refused while it was read.
select exists(select from intake.validation as v where v.import_id = :import_id);

-- name: checks_of(import_id, most)
-- What did Great Expectations say of each rule, and which were the first rows that broke it?
select
    v.suite, v.rule, v.expectation, v.severity, v.success, v.evaluated, v.failed,
    array(
        select r.row_no from unnest(v.failing_rows) with ordinality as r (row_no, nth)
        where r.nth <= :most
        order by r.nth
    ) as failing_rows
from intake.validation as v
where v.import_id = :import_id;
