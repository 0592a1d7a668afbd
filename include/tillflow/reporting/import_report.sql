-- name: find_import(import_id)^
-- Which file was this, and what became of it?
select
    i.id,
    i.kind,
    c.key as channel,
    i.file_name,
    i.uploader,
    i.received_at,
    s.status
from intake.import as i
inner join intake.import_status as s on s.import_id = i.id
left join portal.channel as c on c.id = i.channel_id
where i.id = :import_id;

-- name: balance_of(import_id)
-- How does the file balance, per currency?
select
    currency,
    array[read_rows, sale_rows, exception_rows, duplicate_rows, not_billable_rows, rejected_rows] as rows,
    array[
        read_minor, sale_minor, exception_minor, duplicate_minor, not_billable_minor, rejected_minor
    ] as minor
from intake.balance
where import_id = :import_id
order by currency;

-- name: reasons_of(import_id)
-- Why do rows of the file wait for a person, and how many for each reason?
select
    reason,
    count(*) as waiting
from books.exception as e
cross join unnest(e.reasons) as reason
where e.import_id = :import_id and e.state = 'open'
group by reason
order by waiting desc, reason;

-- name: problems_of(import_id, most)
-- Why was the file refused: its first errors, and how many there are?
select
    code,
    row_no,
    column_name,
    message,
    count(*) over () as in_all
from intake.file_error
where import_id = :import_id
order by position
limit :most;

-- name: payments_of(import_id)
-- How are the import's sales paid: rows and money by type, tab and currency?
select
    t.payment_type,
    t.tab,
    t.currency,
    count(*)::int as rows,
    sum(t.amount_minor)::bigint as minor
from books.row_tab as t
where t.import_id = :import_id and t.payment_type is not null
group by t.payment_type, t.tab, t.currency
order by t.payment_type, t.tab, t.currency;

-- name: next_retry(import_id)$
-- When is a card of the import charged next?
select min(t.next_retry_at) from books.row_tab as t where t.import_id = :import_id;
