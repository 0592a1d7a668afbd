-- name: rows_of_import(import_id, tab, after, row_no, most)
-- Which rows of a sales import come next, how far is each, and what became of it?
with file as materialized (
    select i.kind from intake.import as i where i.id = :import_id
),

page as (
    select s.row_no, 'sale' as verdict, s.currency, s.amount_minor, null::int as stream_id, null::bigint as seq
    from books.offline_sale as s
    where s.import_id = :import_id
    union all
    select r.row_no, 'rejected', r.currency, r.amount_minor, null, null
    from books.reversal as r
    where r.import_id = :import_id
    union all
    select s.row_no, 'sale', s.currency, s.amount_minor, s.stream_id, s.seq
    from books.vend_sale as s
    where s.import_id = :import_id and (select f.kind from file as f) = 'equipment_sync'
    union all
    select t.row_no, t.verdict, t.currency, t.amount_minor, null, null
    from intake.transaction as t
    left join books.exception as e on e.import_id = t.import_id and e.row_no = t.row_no
    where
        t.import_id = :import_id and e.state is distinct from 'reconciled'
        and not exists (select from books.reversal as r where r.import_id = t.import_id and r.row_no = t.row_no)
),

tabbed as (
    select b.*, w.tab, w.next_retry_at
    from page as b
    left join books.row_tab as w on w.import_id = :import_id and w.row_no = b.row_no
    where
        b.row_no > :after
        and (:row_no::int is null or b.row_no = :row_no)
        and (:tab::text is null or w.tab = :tab)
    order by b.row_no
    limit :most
)

select
    b.row_no,
    b.verdict,
    b.tab,
    b.currency,
    b.amount_minor,
    coalesce(t.raw, to_jsonb(s) - 'content_hash', to_jsonb(v) - 'content_hash', r.sale) as raw,
    t.raw is not null as is_as_arrived,
    coalesce(
        (
            select jsonb_agg(c.after order by c.correction_no) from intake.correction as c
            where c.import_id = :import_id and c.row_no = b.row_no
        ), '[]'
    ) as corrections,
    e.id as exception_id,
    e.state as exception_state,
    coalesce(e.reasons, '{}') as reasons,
    coalesce(e.cleared_reasons, '{}') as cleared_reasons,
    e.superseded_by || '-' || e.superseded_by_row as superseded_by,
    p.id as payment_id,
    p.state as payment_state,
    p.payment_type,
    p.stopped_by,
    p.product_state,
    p.product_problem,
    f.id as refund_id,
    f.state as refund_state,
    f.stopped_by as refund_stopped_by,
    b.next_retry_at,
    coalesce(
        (
            select jsonb_agg(jsonb_build_object(
                'started_at', a.started_at, 'finished_at', a.finished_at, 'outcome', a.outcome, 'code', a.code
            ) order by a.attempt_no)
            from books.payment_attempt as a where a.payment_id = p.id
        ), '[]'
    ) as attempts
from tabbed as b
left join intake.transaction as t on t.import_id = :import_id and t.row_no = b.row_no
left join books.exception as e on e.import_id = :import_id and e.row_no = b.row_no
left join books.reversal as r on r.import_id = :import_id and r.row_no = b.row_no
left join books.payment as p on p.import_id = :import_id and p.row_no = b.row_no
left join books.refund as f on f.payment_id = p.id
left join books.offline_sale as s on s.import_id = :import_id and s.row_no = b.row_no
left join books.vend_sale as v on v.stream_id = b.stream_id and v.seq = b.seq and t.row_no is null
order by b.row_no;

-- name: history_of(exception_ids, payment_ids, refund_ids)
-- What happened to these rows, in order?
select h.subject, h.subject_key::bigint as subject_id, h.happened_at, h.actor, h.action, h.reason, h.before, h.after
from history.event as h
where
    (h.subject = 'exception' and h.subject_key = any(:exception_ids::text[]))
    or (h.subject in ('payment', 'product of payment') and h.subject_key = any(:payment_ids::text[]))
    or (h.subject = 'refund' and h.subject_key = any(:refund_ids::text[]))
order by h.id;

-- name: import_of(import_id)^
-- What kind of import is it, whose, and which columns did its file have, in their order?
select i.kind, c.key as channel, coalesce(i.reading -> 'columns', '[]') as columns
from intake.import as i
left join portal.channel as c on c.id = i.channel_id
where i.id = :import_id;
