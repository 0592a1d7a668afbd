-- name: find_import(import_id)^
-- Which file of offline sales is this, from where, and how far is it?
select i.file_name, c.key as channel, i.uploader, i.received_at, s.status
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
where i.id = :import_id and i.kind = 'offline_sales';

-- name: totals(import_id)
-- How many rows are under which tab, and how much is paid in which way? A row that became no sale has its payment type
-- as it arrived, one of the known ones: a file with another is refused.
with typed as (
    select
        t.tab,
        coalesce(t.payment_type, upper(btrim(given.payment_type, ' ' || chr(9) || chr(160)))) as payment_type,
        t.currency,
        t.amount_minor,
        t.next_retry_at
    from books.row_tab as t
    left join intake.transaction as r on t.payment_id is null and r.import_id = t.import_id and r.row_no = t.row_no
    left join lateral (
        select cell.value as payment_type from jsonb_each_text(r.raw) as cell
        where upper(btrim(cell.key)) = 'PAYMENT_TYPE'
    ) as given on true
    where t.import_id = :import_id
)

select
    payment_type,
    tab,
    currency,
    count(*)::int as rows,
    sum(amount_minor)::bigint as amount_minor,
    min(next_retry_at) as next_retry_at
from typed
group by payment_type, tab, currency
order by payment_type, tab, currency;
