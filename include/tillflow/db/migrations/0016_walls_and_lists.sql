-- A list of imports by their status looks where the status comes from, not at every import there ever was.
create index import_of_kind on intake.import (kind, id);
create index import_not_booked on intake.import (id)
where booked_at is null and rejected_at is null and undone_at is null;
create index import_rejected on intake.import (id) where rejected_at is not null or undone_at is not null;
create index refund_waiting on books.refund (payment_id) where state in ('refused', 'to_pay_out');

-- Each step is one probe of an index for the next older import, however many rows the one before has. As the owner:
-- behind row-level security the probe would read the rows of others one by one. It tells numbers only.
create function intake.imports_that_may_be(of_status text, before int, most int) returns setof int
language sql stable rows 100 security definer set search_path = pg_catalog, pg_temp as $$
    with recursive refunding as materialized (
        select p.import_id
        from books.refund as r
        inner join books.payment as p on p.id = r.payment_id
        where of_status = 'processing' and r.state in ('due', 'in_flight')
        union
        select p.import_id
        from books.refund as r
        inner join books.payment as p on p.id = r.payment_id
        where of_status = 'requires action' and r.state in ('refused', 'to_pay_out')
    ),

    walk (import_id, step) as (
        select before, 0
        union all
        select older.import_id, w.step + 1
        from walk as w
        cross join lateral (
            select case of_status
                when 'processing' then greatest(
                    (
                        select max(p.import_id) from books.payment as p
                        where
                            p.import_id < w.import_id
                            and (
                                p.state in ('due', 'in_flight', 'retry_wait', 'unknown')
                                or p.product_state = 'pending'
                            )
                    ),
                    (
                        select max(i.id) from intake.import as i
                        where
                            i.id < w.import_id
                            and i.booked_at is null and i.rejected_at is null and i.undone_at is null
                    ),
                    (select max(r.import_id) from refunding as r where r.import_id < w.import_id)
                )
                when 'requires action' then greatest(
                    (
                        select max(p.import_id) from books.payment as p
                        where
                            p.import_id < w.import_id
                            and (
                                p.state in ('needs_review', 'failed_hard', 'exhausted', 'returned')
                                or p.product_state = 'stuck'
                            )
                    ),
                    (
                        select max(e.import_id) from books.exception as e
                        where e.import_id < w.import_id and e.state = 'open'
                    ),
                    (select max(r.import_id) from refunding as r where r.import_id < w.import_id)
                )
                when 'rejected' then (
                    select max(i.id) from intake.import as i
                    where i.id < w.import_id and (i.rejected_at is not null or i.undone_at is not null)
                )
            end as import_id
        ) as older
        where w.step < most and older.import_id is not null
    )

    select w.import_id from walk as w where w.step > 0 order by w.step;
$$;
comment on function intake.imports_that_may_be is
'imports before `before` that may be processing, requires action or rejected, newest first; none that is is left out';
revoke all on function intake.imports_that_may_be from public;
grant execute on function intake.imports_that_may_be to tillflow_app, tillflow_auditor;
