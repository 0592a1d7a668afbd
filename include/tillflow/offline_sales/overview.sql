-- name: find_imports(import_ids)
-- Which files of offline sales are these, from where, and how far are they?
select i.id, i.file_name, c.key as channel, i.uploader, i.received_at, s.status
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
where i.id = any(:import_ids) and i.kind = 'offline_sales';

-- name: totals(import_ids)
-- How many rows of each import are under which tab, and how much is paid in which way? A row that became no sale has its
-- payment type as it arrived, one of the known ones: a file with another is refused. Import by import, each by its keys:
-- a plan for all of them at once might read the payments of every import there is.
select wanted.import_id, t.payment_type, t.tab, t.currency, t.rows, t.amount_minor, t.next_retry_at
from unnest(:import_ids::int[]) as wanted (import_id)
cross join lateral (
    select
        coalesce(r.payment_type, upper(btrim(given.payment_type, ' ' || chr(9) || chr(160)))) as payment_type,
        r.tab,
        r.currency,
        count(*)::int as rows,
        sum(r.amount_minor)::bigint as amount_minor,
        min(r.next_retry_at) as next_retry_at
    from books.row_tab as r
    left join intake.transaction as a on r.payment_id is null and a.import_id = r.import_id and a.row_no = r.row_no
    left join lateral (
        select cell.value as payment_type from jsonb_each_text(a.raw) as cell
        where upper(btrim(cell.key)) = 'PAYMENT_TYPE'
    ) as given on true
    where r.import_id = wanted.import_id
    group by 1, r.tab, r.currency
) as t
order by wanted.import_id, t.payment_type, t.tab, t.currency;
