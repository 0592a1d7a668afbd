-- name: scope_exists(customer, equipment)$
-- Is there such a customer, or a machine that is known or at least named by an exception?
select
    case
        when :customer::text is not null then exists (select from portal.customer as c where c.key = :customer)
        else
            exists (select from portal.equipment as e where e.asset_no = :equipment)
            or exists (select from books.exception as x where x.asset_no = :equipment)
    end;

-- name: open_reconciliation(kind, customer, asset_no, date_from, date_to, requested_by, now, request_key)$
-- Who asks for what? The second call with the same key finds the first; another one for the same scope fails.
with opened as (
    insert into books.reconciliation (
        kind, customer_id, asset_no, date_from, date_to, requested_by, requested_at, request_key
    )
    select
        :kind,
        (select c.id from portal.customer as c where c.key = :customer),
        :asset_no, :date_from, :date_to, :requested_by, :now, :request_key
    where not exists (select from books.reconciliation as r where r.request_key = :request_key)
    returning id
)

select o.id from opened as o
union all
select r.id from books.reconciliation as r where r.request_key = :request_key;

-- name: give_up_forgotten(customer, asset_no, now)!
-- Does a run that nobody carries out any more hold the scope? None takes six hours.
update books.reconciliation as r
set state = 'given_up', finished_at = :now
where
    r.state = 'running' and r.requested_at < :now::timestamptz - interval '6 hours'
    and (r.asset_no = :asset_no or r.customer_id = (select c.id from portal.customer as c where c.key = :customer));

-- name: lock_reconciliation(id)^
select kind, state, attempted, reconciled, failed from books.reconciliation where id = :id for update;

-- name: create_attempt_tables()#
-- The exceptions of this run; what the judge says of each; and what is decided.
create temporary table attempt (exception_id bigint primary key) on commit drop;
create temporary table judgement (
    exception_id bigint not null, judged text[] not null, equipment_id int, site_id int, customer_id int,
    place_id int, item_id int, vendee_id int, planogram_price_minor bigint, vended_at timestamptz, selection text,
    quantity int, unit_price_minor bigint, amount_minor bigint, currency text
) on commit drop;
create temporary table decision (exception_id bigint primary key, reasons text[] not null, cleared text[] not null)
on commit drop;

-- name: snapshot(id, reasons)!
-- Which exceptions are open now and have a reason of this kind? Days are those of the machine's site then.
with scope as (
    select * from books.reconciliation where id = :id
),

wanted as (
    select x.id
    from books.exception as x
    inner join scope as r on true
    left join portal.site as s on s.id = x.site_id
    where
        x.state = 'open' and x.kind = 'equipment_sync' and x.reasons && :reasons::text[]
        and (
            (r.kind = 'user' and x.customer_id = r.customer_id)
            or (
                r.kind = 'product' and x.asset_no = r.asset_no
                and (x.occurred_at at time zone coalesce(s.zone, 'UTC'))::date between r.date_from and r.date_to
            )
        )
    order by x.id
    for update of x
)

insert into attempt (exception_id) select id from wanted;

-- name: batch(after, most)
-- What arrived, of the next exceptions? A vend may lie ten minutes in the future of its own file.
select
    a.exception_id,
    t.raw::text as raw,
    (extract(epoch from i.received_at) * 1000000)::bigint + 600000000 as latest_vend_us
from attempt as a
inner join books.exception as x on x.id = a.exception_id
inner join intake.transaction as t on t.import_id = x.import_id and t.row_no = x.row_no
inner join intake.import as i on i.id = x.import_id
where a.exception_id > :after
order by a.exception_id
limit :most;

-- name: analyze_judgements()#
analyze judgement;

-- name: decide(reasons)!
-- Which reasons are left? Those of other kinds stay as they were, unless the machine stood nowhere before: then
-- nothing else could be judged. What was cleared once stays cleared.
insert into decision (exception_id, reasons, cleared)
select
    x.id,
    l.reasons,
    array(
        select distinct c.reason
        from unnest(x.cleared_reasons || x.reasons) as c (reason)
        where c.reason <> all(l.reasons)
        order by c.reason
    ) as cleared
from judgement as j
inner join books.exception as x on x.id = j.exception_id
cross join lateral (
    select
        'unknown_equipment' = any(x.reasons)
        and 'unknown_equipment' = any(:reasons::text[])
        and not 'unknown_equipment' = any(j.judged) as is_placed_now
) as p
cross join lateral (
    select array(
        select o.reason from unnest(x.reasons) as o (reason)
        where o.reason <> all(:reasons::text[]) and not p.is_placed_now
        union
        select n.reason from unnest(j.judged) as n (reason)
        where (n.reason = any(:reasons::text[]) or p.is_placed_now) and n.reason <> all(x.cleared_reasons)
        order by 1
    ) as reasons
) as l;

-- name: close_exceptions(now)!
-- What is left of each, and what was found for it.
update books.exception as x
set
    reasons = d.reasons,
    cleared_reasons = d.cleared,
    state = case when d.reasons = '{}' then 'reconciled' else 'open' end,
    closed_at = case when d.reasons = '{}' then :now::timestamptz end,
    equipment_id = coalesce(j.equipment_id, x.equipment_id),
    site_id = coalesce(j.site_id, x.site_id),
    customer_id = coalesce(j.customer_id, x.customer_id),
    place_id = coalesce(j.place_id, x.place_id),
    item_id = coalesce(j.item_id, x.item_id),
    vendee_id = coalesce(j.vendee_id, x.vendee_id),
    planogram_price_minor = coalesce(j.planogram_price_minor, x.planogram_price_minor)
from decision as d
inner join judgement as j on j.exception_id = d.exception_id
where x.id = d.exception_id;

-- name: add_sales(now)!
-- The vends that break no rule any more, recorded now, under the number under which they arrived.
insert into books.vend_sale (
    stream_id, seq, import_id, row_no, vended_at, recorded_at, place_id, item_id, vendee_id, selection, quantity,
    unit_price_minor, amount_minor, planogram_price_minor, currency, content_hash
)
select
    t.stream_id, t.seq, x.import_id, x.row_no, j.vended_at, :now, x.place_id, x.item_id, x.vendee_id, j.selection,
    j.quantity, j.unit_price_minor, j.amount_minor, x.planogram_price_minor, j.currency, t.content_hash
from decision as d
inner join judgement as j on j.exception_id = d.exception_id
inner join books.exception as x on x.id = d.exception_id
inner join intake.transaction as t on t.import_id = x.import_id and t.row_no = x.row_no
where d.reasons = '{}'
order by t.stream_id, t.seq;

-- name: move_balance()!
-- What was an exception is a sale; the triggers count both again when this commits.
update intake.balance as b
set
    exception_rows = b.exception_rows - m.rows, exception_minor = b.exception_minor - m.minor,
    sale_rows = b.sale_rows + m.rows, sale_minor = b.sale_minor + m.minor
from (
    select x.import_id, x.currency, count(*)::int as rows, sum(x.amount_minor)::bigint as minor
    from decision as d
    inner join books.exception as x on x.id = d.exception_id
    where d.reasons = '{}'
    group by x.import_id, x.currency
) as m
where b.import_id = m.import_id and b.currency = m.currency;

-- name: record(id)!
-- What this run did with each exception.
insert into books.reconciliation_record (reconciliation_id, exception_id, outcome, cleared_reasons, reasons)
select :id, d.exception_id, case when d.reasons = '{}' then 'SUCCESS' else 'FAILURE' end, d.cleared, d.reasons
from decision as d;

-- name: record_history(id, now)!
-- Who made each exception a sale?
insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
select
    :now, r.requested_by, 'exception', d.exception_id::text, 'reconciled', 'reconciliation ' || r.id,
    jsonb_build_object('cleared', to_jsonb(d.cleared))
from decision as d
inner join books.reconciliation as r on r.id = :id
where d.reasons = '{}'
order by d.exception_id;

-- name: complete(id, now)^
-- How many were attempted, reconciled, and failed?
update books.reconciliation as r
set
    state = 'completed', finished_at = :now, attempted = d.attempted, reconciled = d.reconciled,
    failed = d.attempted - d.reconciled
from (
    select count(*)::int as attempted, (count(*) filter (where reasons = '{}'))::int as reconciled from decision
) as d
where r.id = :id
returning r.attempted, r.reconciled, r.failed;

-- name: give_up(id, now)!
update books.reconciliation set state = 'given_up', finished_at = :now where id = :id and state = 'running';
