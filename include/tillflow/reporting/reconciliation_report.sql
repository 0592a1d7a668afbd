-- name: find(id)^
-- What was asked for, and what came of it?
select
    r.id, r.kind, c.key as customer, r.asset_no, r.date_from, r.date_to, r.requested_by, r.requested_at, r.finished_at,
    r.state, r.attempted, r.reconciled, r.failed
from books.reconciliation as r
left join portal.customer as c on c.id = r.customer_id
where r.id = :id;

-- name: left_by_reason(id)
-- Why did records fail, and what are they worth? A record with two reasons stands under both.
select f.reason, x.currency, count(*)::int as records, sum(x.amount_minor)::bigint as minor
from books.reconciliation_record as d
inner join books.exception as x on x.id = d.exception_id
cross join unnest(d.reasons) as f (reason)
where d.reconciliation_id = :id
group by f.reason, x.currency
order by records desc, f.reason, x.currency;

-- name: records(id)
-- Every record with its outcome. Of a card or an access code the last four characters, of a short one none.
select
    d.exception_id, d.outcome, array_to_string(d.reasons, ' ') as reasons,
    array_to_string(d.cleared_reasons, ' ') as cleared,
    i.file_name, x.row_no, x.asset_no, s.name as site,
    to_char(x.occurred_at at time zone coalesce(s.zone, 'UTC'), 'YYYY-MM-DD HH24:MI:SS') as vended_at,
    coalesce(s.zone, 'UTC') as zone,
    t.raw ->> 'selection' as selection, t.raw ->> 'product_code' as product,
    x.currency, x.amount_minor,
    case
        when length(t.raw ->> 'card_no') > 8 then '****' || right(t.raw ->> 'card_no', 4)
        when t.raw ->> 'card_no' is not null then '****'
    end as card,
    t.raw ->> 'facility_id' as facility
from books.reconciliation_record as d
inner join books.exception as x on x.id = d.exception_id
inner join intake.transaction as t on t.import_id = x.import_id and t.row_no = x.row_no
inner join intake.import as i on i.id = x.import_id
left join portal.site as s on s.id = x.site_id
where d.reconciliation_id = :id
order by d.outcome, x.asset_no, x.occurred_at, d.exception_id;
