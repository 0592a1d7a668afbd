-- Names as they stood when a sale was recorded. A row is never changed: a renamed site makes a new
-- row, and older sales keep pointing at the old one.
create table books.place (
    id int generated always as identity primary key,
    equipment_id int not null,
    asset_no text not null,
    site_id int not null,
    site_key text not null,
    site_name text not null,
    customer_id int not null,
    customer_key text not null,
    customer_name text not null,
    unique (equipment_id, site_id, customer_id, asset_no, site_key, site_name, customer_key, customer_name)
);

create table books.item (
    id int generated always as identity primary key,
    product_id int not null,
    code text not null,
    name text not null,
    unique (product_id, code, name)
);

create table books.vendee (
    id int generated always as identity primary key,
    consumer_id int not null,
    customer_id int not null,
    key text not null,
    name text not null,
    unique (consumer_id, customer_id, key, name)
);

-- A vend in the books. No foreign keys: the judge's joins have just proven them, and on a load of a
-- million rows they cost more than everything else together; the nightly run verifies them instead.
create table books.vend_sale (
    stream_id int not null,
    seq bigint not null,
    import_id int not null,
    row_no int not null,
    vended_at timestamptz not null,
    recorded_at timestamptz not null,
    place_id int not null,
    item_id int not null,
    vendee_id int not null,
    selection text collate "C" not null,
    -- negative for a refund
    quantity int not null,
    unit_price_minor bigint not null,
    amount_minor bigint not null,
    planogram_price_minor bigint not null,
    currency char(3) not null,
    content_hash bigint not null,
    primary key (stream_id, seq)
);
create index vend_sale_import on books.vend_sale using brin (import_id);
create index vend_sale_vended on books.vend_sale using brin (vended_at);
create index vend_sale_recorded on books.vend_sale using brin (recorded_at);

create table books.offline_sale (
    stream_id int not null,
    -- the ORDER_ID
    seq bigint not null,
    import_id int not null,
    row_no int not null,
    channel_id int not null,
    draw_id int not null,
    draw_product_id int not null,
    buyer_customer_id text,
    title text,
    first_name text not null,
    last_name text not null,
    address_line_1 text,
    address_line_2 text,
    suburb text,
    state text,
    postcode text,
    country char(2) not null,
    email text,
    phone text,
    quantity int not null check (quantity between 1 and 9999),
    amount_minor bigint not null check (amount_minor > 0),
    currency char(3) not null,
    payment_type text not null check (payment_type in ('CASH', 'CC', 'CHQ', 'MO', 'BD')),
    payment_ref text,
    card_token text check (card_token !~ '[0-9]([ -]?[0-9]){12,18}'),
    sold_at timestamptz not null,
    recorded_at timestamptz not null,
    payment_state text not null check (payment_state in ('payment_due', 'funds_pending', 'succeeded')),
    content_hash bigint not null,
    primary key (stream_id, seq),
    unique (import_id, row_no),
    check ((payment_type = 'CC') = (card_token is not null)),
    check (payment_type not in ('CHQ', 'MO', 'BD') or payment_ref is not null)
);
create index offline_sale_waiting on books.offline_sale (import_id) where payment_state <> 'succeeded';

create table books.exception (
    id bigint generated always as identity primary key,
    import_id int not null,
    row_no int not null,
    kind text not null check (kind in ('offline_sales', 'equipment_sync')),
    -- stable codes; the exception is open until none is left
    reasons text[] not null,
    cleared_reasons text[] not null default '{}',
    state text not null default 'open' check (state in ('open', 'reconciled', 'written_off', 'abandoned')),
    occurred_at timestamptz,
    recorded_at timestamptz not null,
    closed_at timestamptz,
    asset_no text,
    equipment_id int,
    site_id int,
    customer_id int,
    channel_id int,
    currency char(3) not null,
    amount_minor bigint not null,
    unique (import_id, row_no),
    check ((state = 'open') = (closed_at is null)),
    check (state <> 'open' or reasons <> '{}'),
    check (state <> 'reconciled' or reasons = '{}')
);
create index exception_open_customer on books.exception (customer_id, equipment_id) where state = 'open';
create index exception_open_import on books.exception (import_id) where state = 'open';

create view books.sale with (security_invoker = true) as
select
    s.import_id,
    s.row_no,
    'equipment_sync' as kind,
    s.currency,
    s.amount_minor,
    s.vended_at as occurred_at,
    s.recorded_at
from books.vend_sale as s
union all
select
    s.import_id,
    s.row_no,
    'offline_sales' as kind,
    s.currency,
    s.amount_minor,
    s.sold_at as occurred_at,
    s.recorded_at
from books.offline_sale as s;
comment on view books.sale is 'both sources in one set of books';

-- The status of an import is never stored: it follows from its rows.
create view intake.import_status with (security_invoker = true) as
select
    i.id as import_id,
    case
        when i.rejected_at is not null then 'rejected'
        when i.booked_at is null then 'processing'
        when exists (
            select from books.offline_sale as s
            where s.import_id = i.id and s.payment_state = 'payment_due'
        ) then 'processing'
        when exists (
            select from books.exception as e
            where e.import_id = i.id and e.state = 'open'
        ) then 'requires action'
        else 'completed'
    end as status
from intake.import as i;

-- Counts the rows that are there and compares them with what the balance claims.
create function intake.verify_balance(of_import int) returns void language plpgsql as $$
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

-- Runs at commit, whoever wrote: a transaction that leaves the balance broken does not commit.
create function intake.verify_balance_at_commit() returns trigger language plpgsql as $$
begin
    perform intake.verify_balance((to_jsonb(new) ->> tg_argv[0])::int);
    return null;
end;
$$;

create constraint trigger balance_holds after update of booked_at on intake.import
deferrable initially deferred for each row when (new.booked_at is not null)
execute function intake.verify_balance_at_commit('id');

create constraint trigger balance_holds after update on intake.balance
deferrable initially deferred for each row
execute function intake.verify_balance_at_commit('import_id');
