-- A row that waits is corrected, closed with a reason, or replaced by a row of a later file; an import is taken back.

-- An import that was made from the rows of another one that required action; and one of which nothing stands.
alter table intake.import
add column parent_id int references intake.import,
add column undone_at timestamptz,
add constraint only_booked_is_undone check (undone_at is null or booked_at is not null);
drop index intake.import_fingerprint;
create unique index import_fingerprint on intake.import (kind, coalesce(channel_id, 0), sha256)
where rejected_at is null and undone_at is null;

-- What a person changed in a row that waits. The row itself stays as it arrived.
create table intake.correction (
    import_id int not null,
    row_no int not null,
    correction_no int not null check (correction_no > 0),
    corrected_at timestamptz not null,
    corrected_by text not null check (corrected_by <> ''),
    -- the changed fields, by column; a field that is blank is null. Of a card token `before` says only that one was
    -- there
    before jsonb not null,
    after jsonb not null,
    primary key (import_id, row_no, correction_no),
    constraint token_is_no_card_number check ((after ->> 'card_token') !~ '[0-9]([ -]?[0-9]){12,18}')
);
comment on table intake.correction is 'fields of a waiting row as a person corrected them, one after the other';
create trigger never_edited before update or delete on intake.correction
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on intake.correction
for each statement execute function history.refuse_change();

-- An exception ends as a sale (reconciled, or resolved by a person), given up (abandoned: an order; written off: a
-- vend), replaced by a row of a later file (superseded), or taken back with its import (reversed).
alter table books.exception
drop constraint exception_state_check,
add constraint exception_state_check check (
    state in ('open', 'reconciled', 'written_off', 'abandoned', 'superseded', 'reversed')
),
add column superseded_by int,
add column superseded_by_row int,
add constraint superseded_has_a_successor check (
    (state = 'superseded') = (superseded_by is not null) and (superseded_by is null) = (superseded_by_row is null)
);
create index exception_superseded on books.exception (superseded_by) where superseded_by is not null;

alter table books.move
drop constraint move_machine_check,
add constraint move_machine_check check (machine in ('card', 'funds', 'product', 'refund', 'exception'));
insert into books.move (machine, from_state, to_state) values
('exception', 'open', 'reconciled'), ('exception', 'open', 'written_off'), ('exception', 'open', 'abandoned'),
('exception', 'open', 'superseded'), ('exception', 'superseded', 'open'),
('exception', 'open', 'reversed'), ('exception', 'reconciled', 'reversed');

-- Of a whole statement at once: a reconciliation moves a hundred thousand. Nothing is known of the two tables when the
-- query is planned (and the session keeps the plan of its first, perhaps small, statement), and `limit 1` promises an
-- early end that never comes: a nested loop would compare every row with every other.
create function books.check_exception_moves() returns trigger language plpgsql set enable_nestloop = off as $$
declare
    wrong record;
begin
    select o.id, o.state as was, n.state as becomes into wrong
    from was as o
    inner join becomes as n on n.id = o.id
    where
        n.state <> o.state
        and not exists (
            select from books.move as m
            where m.machine = 'exception' and m.from_state = o.state and m.to_state = n.state
        )
    limit 1;
    if found then
        raise exception 'exception % cannot go from % to %', wrong.id, wrong.was, wrong.becomes
        using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;
create trigger moves_are_allowed after update on books.exception
referencing old table as was new table as becomes
for each statement execute function books.check_exception_moves();

-- Is the sale in an invoice that stands? Invoicing replaces the answer.
create function books.vend_sale_is_invoiced(stream_id int, seq bigint) returns boolean
language sql stable as $$
    select false;
$$;

-- A row of an import that was taken back. It counts as rejected from then on, and its key is free again.
create table books.reversal (
    import_id int not null references intake.import,
    row_no int not null,
    -- what the row counted as before
    bucket text not null check (bucket in ('sale', 'exception', 'duplicate', 'not_billable')),
    currency char(3) not null,
    amount_minor bigint not null,
    -- the sale as it stood in the books, without its card token
    sale jsonb,
    reversed_at timestamptz not null,
    reversed_by text not null check (reversed_by <> ''),
    primary key (import_id, row_no),
    check ((bucket = 'sale') = (sale is not null))
);
create trigger never_edited before update or delete on books.reversal
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on books.reversal
for each statement execute function history.refuse_change();

-- The only way in which a sale leaves the books: into books.reversal, and never one that is paid for or invoiced. The
-- application itself cannot delete a sale. Returns how many were taken back.
create function books.take_back_sales(of_import int, row_nos int[], at timestamptz, by_whom text) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    standing int;
    taken int;
begin
    select s.row_no into standing
    from books.vend_sale as s
    where s.import_id = of_import and s.row_no = any(row_nos) and books.vend_sale_is_invoiced(s.stream_id, s.seq)
    limit 1;
    if not found then
        select p.row_no into standing
        from books.payment as p
        where p.import_id = of_import and p.row_no = any(row_nos) and p.state <> 'canceled'
        limit 1;
    end if;
    if found then
        raise exception 'import %, row %: it is invoiced, or its payment is not canceled', of_import, standing
        using errcode = 'restrict_violation';
    end if;
    with vends as (
        delete from books.vend_sale as s
        where s.import_id = of_import and s.row_no = any(row_nos)
        returning s.row_no, s.currency, s.amount_minor, to_jsonb(s) as sale
    ),

    orders as (
        delete from books.offline_sale as s
        where s.import_id = of_import and s.row_no = any(row_nos)
        returning s.row_no, s.currency, s.amount_minor, to_jsonb(s) - 'card_token' as sale
    )

    insert into books.reversal (import_id, row_no, bucket, currency, amount_minor, sale, reversed_at, reversed_by)
    select of_import, g.row_no, 'sale', g.currency, g.amount_minor, g.sale, at, by_whom
    from (select * from vends union all select * from orders) as g;
    get diagnostics taken = row_count;
    return taken;
end;
$$;
revoke execute on function books.take_back_sales(int, int[], timestamptz, text) from public;
grant execute on function books.take_back_sales(int, int[], timestamptz, text) to tillflow_app;

-- A sale that was taken back leaves its canceled payment behind; the order may come again and brings another.
alter table books.payment drop constraint payment_stream_id_seq_key;
create unique index payment_of_sale on books.payment (stream_id, seq) where state <> 'canceled';

-- Counts the rows that are there and compares them with what the balance claims.
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
            select r.currency, 'rejected', r.amount_minor, 1
            from books.reversal as r where r.import_id = of_import
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
            where
                t.import_id = of_import
                and not exists (
                    select from books.reversal as r where r.import_id = t.import_id and r.row_no = t.row_no
                )
        ),

        counted as (
            select
                currency,
                count(*) filter (where bucket = 'sale') as sale_rows,
                count(*) filter (where bucket = 'exception') as exception_rows,
                count(*) filter (where bucket = 'duplicate') as duplicate_rows,
                count(*) filter (where bucket = 'not_billable') as not_billable_rows,
                count(*) filter (where bucket = 'rejected') as rejected_rows,
                coalesce(sum(amount_minor) filter (where bucket = 'sale'), 0) as sale_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'exception'), 0) as exception_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'duplicate'), 0) as duplicate_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'not_billable'), 0) as not_billable_minor,
                coalesce(sum(amount_minor) filter (where bucket = 'rejected'), 0) as rejected_minor
            from rows_there
            group by currency
        )

        select coalesce(b.currency, c.currency) as currency, to_jsonb(b) as claimed, to_jsonb(c) as there
        from (select * from intake.balance where import_id = of_import) as b
        full join counted as c on c.currency = b.currency
        where
            (coalesce(b.sale_rows, 0), coalesce(b.exception_rows, 0), coalesce(b.duplicate_rows, 0),
                coalesce(b.not_billable_rows, 0), coalesce(b.rejected_rows, 0),
                coalesce(b.sale_minor, 0), coalesce(b.exception_minor, 0), coalesce(b.duplicate_minor, 0),
                coalesce(b.not_billable_minor, 0), coalesce(b.rejected_minor, 0))
            is distinct from
            (coalesce(c.sale_rows, 0), coalesce(c.exception_rows, 0), coalesce(c.duplicate_rows, 0),
                coalesce(c.not_billable_rows, 0), coalesce(c.rejected_rows, 0),
                coalesce(c.sale_minor, 0), coalesce(c.exception_minor, 0), coalesce(c.duplicate_minor, 0),
                coalesce(c.not_billable_minor, 0), coalesce(c.rejected_minor, 0))
    loop
        raise exception 'import %: the balance in % does not match its rows', of_import, off.currency
        using detail = format('claimed %s, there %s', off.claimed, off.there), errcode = 'TF001';
    end loop;
end;
$$;

-- A sale brings its payment, whoever writes the sale: an import, or a person who resolved a row.
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
        -- the moment at which the judge found the draw open: when the file came, or when a person resolved the row
        case
            when s.payment_type <> 'CASH' then null
            when i.booked_at is null then i.received_at
            else s.recorded_at
        end,
        case s.payment_type when 'CASH' then 'pending' else 'unpaid' end,
        s.recorded_at, 'import'
    from booked as s
    inner join intake.import as i on i.id = s.import_id
    order by s.stream_id, s.seq;
    return null;
end;
$$;

-- The tab under which an operator finds a row of offline sales (domain 2.3). A row whose payment is
-- being charged, or whose product is about to be given, is being processed.
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
where
    e.kind = 'offline_sales' and e.state <> 'reconciled'
    -- one that had become a sale is there by its payment
    and not (
        e.state = 'reversed'
        and exists (select from books.payment as p where p.import_id = e.import_id and p.row_no = e.row_no)
    );

-- The status of an import is never stored: it follows from its rows.
create or replace view intake.import_status with (security_invoker = true) as
select
    i.id as import_id,
    case
        when i.rejected_at is not null or i.undone_at is not null then 'rejected'
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

grant select on intake.correction, books.reversal to tillflow_app, tillflow_auditor;
grant insert on intake.correction, books.reversal to tillflow_app;
