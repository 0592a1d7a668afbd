-- A list of imports by their status looks where the status comes from, not at every import there ever was.
create index import_of_kind on intake.import (kind, id);
create index import_not_booked on intake.import (id)
where booked_at is null and rejected_at is null and undone_at is null;
create index import_rejected on intake.import (id) where rejected_at is not null or undone_at is not null;
create index invoice_newest_of_customer on books.invoice (customer_id, id);
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

-- The second wall (see 0013), for more of what is not written by COPY. Reading: what is one's own. Writing invoices and
-- reconciliations: the provider alone, for a customer's user may read the own ones and the auditor all.
alter table books.invoice enable row level security;
create policy everything on books.invoice to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on books.invoice as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or (select portal.desk_holds('provider', 'auditor'))
    or customer_id = any((select portal.desk_customers())::int[])
) with check (current_user <> 'tillflow_desk' or (select portal.desk_holds('provider')));

do $$
declare
    part text;
begin
    foreach part in array array[
        'invoice_line', 'invoice_tax', 'invoice_left_out', 'invoice_sale', 'invoiced_sale', 'invoice_number',
        'credit_note'
    ] loop
        execute format('alter table books.%I enable row level security', part);
        execute format('create policy everything on books.%I to tillflow_app, tillflow_auditor '
            'using (true) with check (true)', part);
        -- whoever sees all looks nothing up: an invoice may have a million sales
        execute format('create policy of_the_desk on books.%1$I as restrictive to tillflow_desk using ('
            'current_user <> ''tillflow_desk'' '
            'or (select portal.desk_holds(''provider'', ''auditor'')) '
            'or exists (select from books.invoice as i where i.id = %1$I.invoice_id)'
            ') with check (current_user <> ''tillflow_desk'' or (select portal.desk_holds(''provider'')))', part);
    end loop;
    foreach part in array array['number_series', 'reconciliation', 'reconciliation_record'] loop
        execute format('alter table books.%I enable row level security', part);
        execute format('create policy everything on books.%I to tillflow_app, tillflow_auditor '
            'using (true) with check (true)', part);
        execute format('create policy of_the_desk on books.%I as restrictive to tillflow_desk using ('
            'current_user <> ''tillflow_desk'' or (select portal.desk_holds(''provider'', ''auditor''))'
            ') with check (current_user <> ''tillflow_desk'' or (select portal.desk_holds(''provider'')))', part);
    end loop;
    -- a row that goes is checked by no `with check`
    foreach part in array array['invoice_sale', 'invoiced_sale'] loop
        execute format('create policy let_go_by_the_provider on books.%I as restrictive for delete to tillflow_desk '
            'using (current_user <> ''tillflow_desk'' or (select portal.desk_holds(''provider'')))', part);
    end loop;
end;
$$;

alter table books.payment_attempt enable row level security;
create policy everything on books.payment_attempt to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on books.payment_attempt as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or exists (select from books.payment as p where p.id = payment_attempt.payment_id)
);

alter table intake.correction enable row level security;
create policy everything on intake.correction to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on intake.correction as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or exists (select from intake.import as i where i.id = correction.import_id)
);

alter table intake.validation enable row level security;
create policy everything on intake.validation to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on intake.validation as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or exists (select from intake.import as i where i.id = validation.import_id)
);
