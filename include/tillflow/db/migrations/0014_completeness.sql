-- Is anything missing? The counters that machines may send along, and every running number that was recorded.

create table intake.meter_reading (
    stream_id int not null,
    seq bigint not null,
    import_id int not null,
    row_no int not null,
    selection text collate "C" not null,
    -- another board counts from another number; '' where none is sent
    board_id text collate "C" not null,
    -- products vended through this selection since the counter began, this row's included; null: unreadable
    meter bigint,
    primary key (stream_id, selection, seq, import_id)
);
comment on table intake.meter_reading is
'what a counter of a selection stood at, as a row of a dump said; never edited';
create trigger never_edited before update or delete on intake.meter_reading
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on intake.meter_reading
for each statement execute function history.refuse_change();

-- A time that the judge could read, with an offset that PostgreSQL takes too (it stops at 15:59); else null.
create function intake.instant_of(value text) returns timestamptz language sql stable
return case
    when
        value ~ (
            '^\s*[12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-5]):?[0-5]\d)\s*$'
        ) then btrim(value, ' ' || chr(9) || chr(160))::timestamptz
end;

create view intake.standing_vend with (security_invoker = true) as
select
    s.stream_id,
    s.seq,
    s.import_id,
    s.row_no,
    s.vended_at as happened_at,
    s.selection,
    greatest(s.quantity, 0) as products
from books.vend_sale as s
union all
select
    t.stream_id,
    t.seq,
    t.import_id,
    t.row_no,
    case when t.verdict = 'exception' then x.occurred_at else intake.instant_of(t.raw ->> 'vended_at') end,
    btrim(t.raw ->> 'selection', ' ' || chr(9) || chr(160)) collate "C",
    case
        when t.verdict = 'not_billable' then 0
        when 'malformed_row' = any(x.reasons || x.cleared_reasons) then null
        when lower(btrim(t.raw ->> 'result', ' ' || chr(9) || chr(160))) <> 'vend' then 0
        else coalesce(nullif(btrim(t.raw ->> 'quantity', ' ' || chr(9) || chr(160)), ''), '1')::int
    end
from intake.transaction as t
inner join intake.stream as m on m.id = t.stream_id and m.kind = 'equipment_sync'
left join books.exception as x on x.import_id = t.import_id and x.row_no = t.row_no
where
    t.verdict <> 'duplicate' and x.state is distinct from 'reconciled'
    and not coalesce('sync_conflict' = any(x.reasons || x.cleared_reasons), false)
    -- taken back with its import: the number is free again
    and not exists (select from books.reversal as r where r.import_id = t.import_id and r.row_no = t.row_no);
comment on view intake.standing_vend is
'every number of a machine that was ever recorded, once, by the row that stands for it, whatever became of it';

grant select, insert on intake.meter_reading to tillflow_app;
grant select on intake.meter_reading, intake.standing_vend to tillflow_app, tillflow_auditor;
