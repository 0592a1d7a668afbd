-- name: reconciliations(before, most)
-- Which reconciliations were asked for, the latest first, and what came of each?
select
    r.id, r.kind, c.key as customer, r.asset_no, r.date_from, r.date_to, r.requested_by, r.requested_at, r.finished_at,
    r.state, r.attempted, r.reconciled, r.failed
from books.reconciliation as r
left join portal.customer as c on c.id = r.customer_id
where :before::int is null or r.id < :before
order by r.id desc
limit :most;

-- name: request_key(id)$
select request_key from books.reconciliation where id = :id;

-- name: records(id, outcome, after, most)
-- What became of each exception, in the order of their numbers? One page.
select
    d.exception_id, d.outcome, d.reasons, d.cleared_reasons, i.file_name, x.row_no, x.asset_no, s.name as site,
    x.occurred_at, coalesce(s.zone, 'UTC') as zone, t.raw ->> 'selection' as selection,
    t.raw ->> 'product_code' as product, x.currency, x.amount_minor
from books.reconciliation_record as d
inner join books.exception as x on x.id = d.exception_id
inner join intake.transaction as t on t.import_id = x.import_id and t.row_no = x.row_no
inner join intake.import as i on i.id = x.import_id
left join portal.site as s on s.id = x.site_id
where d.reconciliation_id = :id and d.exception_id > :after and (:outcome::text is null or d.outcome = :outcome)
order by d.exception_id
limit :most;
