-- name: lock_import(import_id)^
-- The import as it stands, locked: a second task that books it waits and then finds it booked.
select
    i.id, i.kind, i.channel_id, i.file_name, i.uploader, i.sha256, i.received_at, i.booked_at, i.rejected_at,
    i.archive_path, i.reading
from intake.import as i
where i.id = :import_id
for update;

-- name: add_streams(kind, owners, parts)!
-- Sequences that are seen for the first time.
insert into intake.stream (kind, owner, part)
select :kind, s.owner, s.part
from unnest(:owners::text[], :parts::text[]) as s (owner, part)
where not exists (
    select from intake.stream as t where t.kind = :kind and t.owner = s.owner and t.part = s.part
)
order by s.owner, s.part
on conflict do nothing;

-- name: lock_streams(kind, owners, parts)
-- The sequences of this file, locked in one order: two imports of the same machine follow each other.
select t.owner, t.part, t.id as stream_id, t.high_water
from intake.stream as t
inner join unnest(:owners::text[], :parts::text[]) as s (owner, part)
    on t.kind = :kind and t.owner = s.owner and t.part = s.part
order by t.id
for update of t;

-- name: create_suspect_table()#
-- The keys of this file that may have been recorded before.
create temporary table suspect (stream_id int, seq bigint, content_hash bigint) on commit drop;

-- name: analyze_suspects()#
analyze suspect;

-- name: recorded(corrected)
-- Which rows with these keys are recorded, as sales or otherwise? Rows without a key: by their content. A row that was
-- taken back is not, and neither are the exceptions that the rows at hand correct, or those that these had corrected.
with recursive put_aside as (
    select x.import_id, x.row_no from books.exception as x where x.id = any(:corrected::bigint[])
    union
    select x.import_id, x.row_no
    from put_aside as c
    inner join books.exception as x on x.superseded_by = c.import_id and x.superseded_by_row = c.row_no
),

waiting as (
    select t.stream_id, t.seq, t.content_hash, t.import_id, t.row_no
    from intake.transaction as t
    where t.verdict <> 'duplicate' and (t.stream_id, t.seq) in (select k.stream_id, k.seq from suspect as k)
    union all
    select t.stream_id, t.seq, t.content_hash, t.import_id, t.row_no
    from intake.transaction as t
    where
        t.verdict <> 'duplicate' and t.stream_id is null
        and t.content_hash in (select k.content_hash from suspect as k where k.stream_id is null)
)

select s.stream_id, s.seq, s.content_hash
from books.vend_sale as s
where (s.stream_id, s.seq) in (select k.stream_id, k.seq from suspect as k)
union all
select s.stream_id, s.seq, s.content_hash
from books.offline_sale as s
where (s.stream_id, s.seq) in (select k.stream_id, k.seq from suspect as k)
union all
select w.stream_id, w.seq, w.content_hash
from waiting as w
where
    not exists (select from books.reversal as r where r.import_id = w.import_id and r.row_no = w.row_no)
    and not exists (select from put_aside as c where c.import_id = w.import_id and c.row_no = w.row_no);

-- name: raise_high_waters(ids, marks)!
-- The greatest number recorded of each stream. Written also where it stays: whoever waited for the stream has looked
-- at it too early, and PostgreSQL then tells them to start again.
update intake.stream as s
set high_water = greatest(s.high_water, m.mark)
from unnest(:ids::int[], :marks::bigint[]) as m (id, mark)
where s.id = m.id;

-- name: mark_booked(import_id, at)!
update intake.import set booked_at = :at where id = :import_id and booked_at is null and rejected_at is null;

-- name: mark_rejected(import_id, at)!
update intake.import set rejected_at = :at where id = :import_id and booked_at is null and rejected_at is null;

-- name: add_file_errors(import_id, position, code, row_no, column_name, message)*!
insert into intake.file_error (import_id, position, code, row_no, column_name, message)
values (:import_id, :position, :code, :row_no, :column_name, :message);

-- name: file_errors(import_id)
-- Why was the file refused, in the order in which a person reads it?
select code, message, row_no, column_name from intake.file_error
where import_id = :import_id
order by position;

-- name: add_checks(import_id, suite, rule, expectation, severity, mostly, success, evaluated, failed, failing_rows)*!
-- What Great Expectations said.
insert into intake.validation
(import_id, suite, rule, expectation, severity, mostly, success, evaluated, failed, failing_rows)
values (
    :import_id, :suite, :rule, :expectation, :severity, :mostly, :success, :evaluated, :failed, :failing_rows
);

-- name: max_row_errors(channel_id)$
-- How many rows in error does the channel allow? Null: any number.
select c.max_row_errors from portal.channel as c where c.id = :channel_id;

-- name: add_event(at, actor, import_id, action, reason, after)!
-- One line of the import's history.
insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
values (:at, :actor, 'intake.import', :import_id::text, :action, :reason, :after::jsonb);

-- name: balance(import_id)
-- What the import's balance says, by currency.
select
    currency, read_rows, sale_rows, exception_rows, duplicate_rows, not_billable_rows, rejected_rows,
    read_minor, sale_minor, exception_minor, duplicate_minor, not_billable_minor, rejected_minor
from intake.balance
where import_id = :import_id
order by currency;
