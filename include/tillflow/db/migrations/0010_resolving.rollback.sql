create or replace view intake.import_status with (security_invoker = true) as
select
    i.id as import_id,
    case
        when i.rejected_at is not null then 'rejected'
        when i.booked_at is null then 'processing'
        when exists (
            select from books.payment as p
            where
                p.import_id = i.id
                and (p.state in ('due', 'in_flight', 'retry_wait', 'unknown') or p.product_state = 'pending')
        ) then 'processing'
        when exists (
            select from books.refund as r
            inner join books.payment as p on p.id = r.payment_id
            where r.state in ('due', 'in_flight') and p.import_id = i.id
        ) then 'processing'
        when exists (
            select from books.payment as p
            where
                p.import_id = i.id
                and (
                    p.state in ('needs_review', 'failed_hard', 'exhausted', 'returned') or p.product_state = 'stuck'
                )
        ) then 'requires action'
        when exists (
            select from books.refund as r
            inner join books.payment as p on p.id = r.payment_id
            where r.state in ('refused', 'to_pay_out') and p.import_id = i.id
        ) then 'requires action'
        when exists (
            select from books.exception as e
            where e.import_id = i.id and e.state = 'open'
        ) then 'requires action'
        else 'completed'
    end as status
from intake.import as i;
create or replace view books.row_tab with (security_invoker = true) as
select
    p.import_id,
    p.row_no,
    p.id as payment_id,
    case
        when p.state = 'canceled' or r.state = 'refunded' then 'abandoned'
        when r.state in ('due', 'in_flight') then 'processing'
        when r.state in ('refused', 'to_pay_out') then 'requires_action'
        when p.state in ('due', 'in_flight', 'retry_wait', 'unknown') or p.product_state = 'pending' then 'processing'
        when
            p.state in ('needs_review', 'failed_hard', 'exhausted', 'returned') or p.product_state = 'stuck'
            then 'requires_action'
        when p.state = 'received' then 'funds_pending'
        else 'successful'
    end as tab,
    p.currency,
    p.amount_minor,
    p.payment_type,
    case when p.state in ('due', 'retry_wait') then p.next_attempt_at end as next_retry_at
from books.payment as p
left join books.refund as r on r.payment_id = p.id
union all
select
    e.import_id,
    e.row_no,
    null as payment_id,
    case when e.state = 'open' then 'requires_action' else 'abandoned' end as tab,
    e.currency,
    e.amount_minor,
    null as payment_type,
    null as next_retry_at
from books.exception as e
where e.kind = 'offline_sales' and e.state <> 'reconciled';
create or replace function books.payments_of_sales() returns trigger language plpgsql as $$
begin
    insert into books.payment (
        stream_id, seq, import_id, row_no, payment_type, amount_minor, currency, card_token,
        state, next_attempt_at, paid_at, product_state, moved_at, moved_by
    )
    select
        s.stream_id, s.seq, s.import_id, s.row_no, s.payment_type, s.amount_minor, s.currency, s.card_token,
        case s.payment_type when 'CASH' then 'succeeded' when 'CC' then 'due' else 'received' end,
        case s.payment_type when 'CC' then s.recorded_at end,
        -- the moment at which the judge found the draw open
        case s.payment_type when 'CASH' then i.received_at end,
        case s.payment_type when 'CASH' then 'pending' else 'unpaid' end,
        s.recorded_at, 'import'
    from booked as s
    inner join intake.import as i on i.id = s.import_id
    order by s.stream_id, s.seq;
    return null;
end;
$$;
create or replace function intake.verify_balance(of_import int) returns void language plpgsql as $$
declare
    off record;
begin
    for off in
        with rows_there as (
            select s.currency, 'sale' as bucket, s.amount_minor, 1 as n
            from books.vend_sale as s where s.import_id = of_import
            union all
            select s.currency, 'sale', s.amount_minor, 1
            from books.offline_sale as s where s.import_id = of_import
            union all
            select
                t.currency,
                case
                    when e.state = 'reconciled' then 'sale again'
                    when t.verdict = 'exception' and e.id is null then 'exception nobody sees'
                    else t.verdict
                end,
                t.amount_minor, 1
            from intake.transaction as t
            left join books.exception as e on e.import_id = t.import_id and e.row_no = t.row_no
            where t.import_id = of_import
        ),

        counted as (
            select
                currency,
                count(*) filter (where bucket = 'sale') as sale_rows,
                count(*) filter (where bucket = 'exception') as exception_rows,
                count(*) filter (where bucket = 'duplicate') as duplicate_rows,
                count(*) filter (where bucket = 'not_billable') as not_billable_rows,
                coalesce(sum(amount_minor) filter (where bucket = 'sale'), 0) as sale_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'exception'), 0) as exception_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'duplicate'), 0) as duplicate_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'not_billable'), 0) as not_billable_minor
            from rows_there
            group by currency
        )

        select coalesce(b.currency, c.currency) as currency, to_jsonb(b) as claimed, to_jsonb(c) as there
        from (select * from intake.balance where import_id = of_import) as b
        full join counted as c on c.currency = b.currency
        where
            (coalesce(b.sale_rows, 0), coalesce(b.exception_rows, 0),
                coalesce(b.duplicate_rows, 0), coalesce(b.not_billable_rows, 0),
                coalesce(b.sale_minor, 0), coalesce(b.exception_minor, 0),
                coalesce(b.duplicate_minor, 0), coalesce(b.not_billable_minor, 0))
            is distinct from
            (coalesce(c.sale_rows, 0), coalesce(c.exception_rows, 0),
                coalesce(c.duplicate_rows, 0), coalesce(c.not_billable_rows, 0),
                coalesce(c.sale_minor, 0), coalesce(c.exception_minor, 0),
                coalesce(c.duplicate_minor, 0), coalesce(c.not_billable_minor, 0))
    loop
        raise exception 'import %: the balance in % does not match its rows', of_import, off.currency
        using detail = format('claimed %s, there %s', off.claimed, off.there), errcode = 'TF001';
    end loop;
end;
$$;
drop index books.payment_of_sale;
alter table books.payment add unique (stream_id, seq);
drop function books.take_back_sales(int, int[], timestamptz, text), books.vend_sale_is_invoiced(int, bigint);
drop table books.reversal;
drop trigger moves_are_allowed on books.exception;
drop function books.check_exception_moves();
delete from books.move where machine = 'exception';
alter table books.move
drop constraint move_machine_check,
add constraint move_machine_check check (machine in ('card', 'funds', 'product', 'refund'));
alter table books.exception
drop constraint exception_state_check,
add constraint exception_state_check check (state in ('open', 'reconciled', 'written_off', 'abandoned')),
drop column superseded_by,
drop column superseded_by_row;
drop table intake.correction;
drop index intake.import_fingerprint;
alter table intake.import drop column undone_at, drop column parent_id;
create unique index import_fingerprint
on intake.import (kind, coalesce(channel_id, 0), sha256) where rejected_at is null;
