-- name: lock_exception(import_id, row_no)^
-- The waiting row, locked: of two people who resolve it the second one waits, and is told.
select x.id, x.state, x.currency, x.amount_minor, x.reasons
from books.exception as x
where x.import_id = :import_id and x.row_no = :row_no and x.kind = 'offline_sales'
for update;

-- name: row_as_it_stands(import_id, row_no)^
-- The row as it arrived, and what was corrected in it so far, in that order.
select
    t.raw,
    coalesce(
        (
            select jsonb_agg(c.after order by c.correction_no) from intake.correction as c
            where c.import_id = t.import_id and c.row_no = t.row_no
        ), '[]'
    ) as corrections
from intake.transaction as t
where t.import_id = :import_id and t.row_no = :row_no;

-- name: add_correction(import_id, row_no, correction_no, now, actor, before, after)!
insert into intake.correction (import_id, row_no, correction_no, corrected_at, corrected_by, before, after)
values (:import_id, :row_no, :correction_no, :now, :actor, :before::jsonb, :after::jsonb);

-- name: keep_waiting(id, reasons)!
-- What is left of its reasons.
update books.exception as x
set
    reasons = :reasons::text[],
    cleared_reasons = array(
        select distinct c.reason
        from unnest(x.cleared_reasons || x.reasons) as c (reason)
        where c.reason <> all(:reasons::text[])
        order by c.reason
    )
where x.id = :id and x.state = 'open';

-- name: close_as_sale(id, now)!
update books.exception as x
set
    state = 'reconciled', closed_at = :now, reasons = '{}',
    cleared_reasons = array(
        select distinct c.reason from unnest(x.cleared_reasons || x.reasons) as c (reason) order by c.reason
    )
where x.id = :id and x.state = 'open';

-- name: leave_exceptions(import_id, currency, minor)!
-- The row counts as an exception no more, nor as read with the money that it arrived with.
update intake.balance
set
    read_rows = read_rows - 1, read_minor = read_minor - :minor,
    exception_rows = exception_rows - 1, exception_minor = exception_minor - :minor
where import_id = :import_id and currency = :currency;

-- name: join_sales(import_id, row_no)!
-- It counts as a sale, and as read with the money that it has been corrected to.
insert into intake.balance as b (import_id, currency, read_rows, sale_rows, read_minor, sale_minor)
select s.import_id, s.currency, 1, 1, s.amount_minor, s.amount_minor
from books.offline_sale as s
where s.import_id = :import_id and s.row_no = :row_no
on conflict (import_id, currency) do update
set
    read_rows = b.read_rows + 1, sale_rows = b.sale_rows + 1,
    read_minor = b.read_minor + excluded.read_minor, sale_minor = b.sale_minor + excluded.sale_minor;

-- name: raise_high_water(import_id, row_no)!
update intake.stream as t
set high_water = greatest(t.high_water, s.seq)
from books.offline_sale as s
where s.import_id = :import_id and s.row_no = :row_no and t.id = s.stream_id;

-- name: record(now, actor, exception_id, action, reason, before, after)!
insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
values (:now, :actor, 'exception', :exception_id::text, :action, :reason, :before::jsonb, :after::jsonb);

-- name: check_constraints_now()#
-- Run the checks that wait for the commit: a preview never commits.
set constraints all immediate;
