-- What an invoice says about who is billed, and how and when that customer is billed.
alter table portal.customer
add column address_line_1 text,
add column address_line_2 text,
add column city text,
add column region text,
add column postcode text,
add column country char(2) check (country ~ '^[A-Z]{2}$'),
add column tax_id text,
add column payment_days int not null default 14 check (payment_days between 0 and 365),
-- posting more than this in Airflow asks for a second person; null: never
add column approval_limit_minor bigint check (approval_limit_minor >= 0),
add column billing_calendar text not null default 'none' check (billing_calendar in ('none', 'weekly', 'monthly')),
-- the calendar prepares no range that begins before this day; null: before the first sale
add column billing_from date;

-- Who invoices: one row.
create table portal.provider (
    id int primary key default 1 check (id = 1),
    key text not null unique default 'main' check (key = 'main'),
    name text not null check (name <> ''),
    address_line_1 text,
    address_line_2 text,
    city text,
    region text,
    postcode text,
    country char(2) check (country ~ '^[A-Z]{2}$'),
    tax_id text,
    registration_id text,
    email text,
    phone text,
    electronic_address text,
    electronic_scheme text,
    payment_account text,
    -- name of the file in the storage's folder `logos/`
    logo text,
    -- QuickBooks takes 21 characters: 12 of the prefix, then the number
    invoice_prefix text not null default 'INV-' check (invoice_prefix ~ '^[A-Za-z0-9][A-Za-z0-9/._-]{0,11}$'),
    credit_prefix text not null default 'CN-' check (credit_prefix ~ '^[A-Za-z0-9][A-Za-z0-9/._-]{0,11}$'),
    check (lower(invoice_prefix) <> lower(credit_prefix))
);

-- A draft is written once, frozen, and then posted or discarded. Of a posted one nothing changes any more.
create table books.invoice (
    id int generated always as identity primary key,
    customer_id int not null,
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    -- days in `zone`, half-open; and the instants at which they begin
    date_from date not null,
    date_to date not null,
    zone text not null,
    range_from timestamptz not null,
    range_to timestamptz not null,
    -- who invoices and who is invoiced, in the columns of the portal data, as of the preparation
    seller jsonb not null,
    buyer jsonb not null,
    payment_days int not null,
    prepared_by text not null check (prepared_by <> ''),
    prepared_at timestamptz not null,
    state text not null default 'draft' check (state in ('draft', 'posted', 'discarded')),
    -- null until the draft is complete; then it is what books.snapshot_hash says
    content_hash bytea check (length(content_hash) = 32),
    sale_rows bigint not null default 0,
    net_minor bigint not null default 0,
    tax_minor bigint not null default 0,
    total_minor bigint not null default 0,
    -- of a posted one
    invoice_no text,
    invoice_date date,
    due_date date,
    closed_by text,
    closed_at timestamptz,
    -- why it was discarded
    reason text,
    check (date_from < date_to and range_from < range_to),
    check (total_minor = net_minor + tax_minor),
    check ((state = 'draft') = (closed_at is null)),
    check ((state = 'posted') = (invoice_no is not null)),
    check ((state = 'posted') = (invoice_date is not null and due_date is not null)),
    check ((state = 'discarded') = (reason is not null)),
    check (state <> 'posted' or (content_hash is not null and sale_rows > 0)),
    check ((closed_at is null) = (closed_by is null))
);
create unique index invoice_draft_of_range on books.invoice (customer_id, currency, date_from, date_to)
where state = 'draft' and content_hash is not null;
create index invoice_of_customer on books.invoice (customer_id, range_to);

-- What one machine sold of one product at one price; refunds stand on lines of their own.
create table books.invoice_line (
    invoice_id int not null references books.invoice,
    line_no int not null,
    is_backdated boolean not null,
    site_key text not null,
    site_name text not null,
    asset_no text not null,
    product_code text not null,
    product_name text not null,
    quantity bigint not null,
    unit_price_minor bigint not null,
    net_minor bigint not null,
    tax_rate_bp int not null check (tax_rate_bp between 0 and 10000),
    sale_rows bigint not null check (sale_rows > 0),
    primary key (invoice_id, line_no),
    check (net_minor = quantity * unit_price_minor)
);

-- Tax by rate: rounded once, on the sum of the rate, half away from zero.
create table books.invoice_tax (
    invoice_id int not null references books.invoice,
    tax_rate_bp int not null,
    net_minor bigint not null,
    tax_minor bigint not null,
    primary key (invoice_id, tax_rate_bp),
    check (tax_minor = round(net_minor * tax_rate_bp / 10000.0))
);

-- Which sales of the range are not in the invoice, and why.
create table books.invoice_left_out (
    invoice_id int not null references books.invoice,
    why text not null check (why in ('excluded', 'invoiced', 'in another draft')),
    product_code text not null,
    product_name text not null,
    quantity bigint not null,
    net_minor bigint not null,
    sale_rows bigint not null,
    primary key (invoice_id, why, product_code)
);

-- The frozen ids. No foreign keys and no row triggers: a million rows come in one statement.
create table books.invoice_sale (
    invoice_id int not null,
    stream_id int not null,
    seq bigint not null,
    tax_rate_bp smallint not null,
    is_backdated boolean not null,
    -- committed only after the invoice of its own range was prepared
    is_late boolean not null,
    primary key (invoice_id, stream_id, seq)
);
create index invoice_sale_late on books.invoice_sale (invoice_id) where is_late;

-- The sales of posted invoices that were not credited: the key lets a sale stand in one only.
create table books.invoiced_sale (
    stream_id int not null,
    seq bigint not null,
    invoice_id int not null,
    primary key (stream_id, seq)
);

create table books.credit_note (
    invoice_id int primary key references books.invoice,
    credit_no text not null,
    credit_date date not null,
    reason text not null check (reason <> ''),
    credited_by text not null check (credited_by <> ''),
    credited_at timestamptz not null
);

-- Every number that was ever given, of invoices and credit notes together; for ever.
create table books.invoice_number (
    number text primary key check (number ~ '^[A-Za-z0-9]([A-Za-z0-9 /._#-]{0,19}[A-Za-z0-9])?$'),
    invoice_id int not null references books.invoice,
    is_credit_note boolean not null,
    unique (invoice_id, is_credit_note)
);
create unique index invoice_number_in_any_case on books.invoice_number (lower(number));

-- A series has no gaps: who takes a number holds the row until the number is committed.
create table books.number_series (
    prefix text primary key,
    last_no bigint not null default 0 check (last_no >= 0)
);

create view books.invoice_status with (security_invoker = true) as
select
    i.id as invoice_id,
    case when c.invoice_id is null then i.state else 'credited' end as status
from books.invoice as i
left join books.credit_note as c on c.invoice_id = i.id;
comment on view books.invoice_status is 'draft, posted, discarded, credited';

-- Is the sale in an invoice that stands?
create or replace function books.vend_sale_is_invoiced(stream_id int, seq bigint) returns boolean
language sql stable as $$
    select exists (select from books.invoiced_sale as x where x.stream_id = $1 and x.seq = $2);
$$;

-- What an invoice says and which sales, with what they are in the books now; in pieces, for a text has its limits.
create function books.snapshot_hash(of_invoice int) returns bytea
language sql stable set work_mem = '64MB' as $$
    with sold as (
        select
            x.stream_id,
            x.seq / 10000 as piece,
            sha256(convert_to(string_agg(
                concat_ws(
                    '|', x.seq, x.tax_rate_bp, x.is_backdated, s.content_hash, s.place_id, s.item_id, s.vendee_id,
                    s.selection, s.quantity, s.unit_price_minor, s.amount_minor, s.currency,
                    extract(epoch from s.vended_at)
                ), E'\n' order by x.seq
            ), 'UTF8')) as hash
        from books.invoice_sale as x
        left join books.vend_sale as s on s.stream_id = x.stream_id and s.seq = x.seq
        where x.invoice_id = of_invoice
        group by x.stream_id, x.seq / 10000
    ),

    said as (
        select 0 as kind, 0 as a, 0::bigint as b, concat_ws(
            '|', i.customer_id, i.currency, i.date_from, i.date_to, i.zone, i.payment_days, i.seller, i.buyer
        ) as words
        from books.invoice as i where i.id = of_invoice
        union all
        select 1, line_no, 0, concat_ws(
            '|', is_backdated, site_key, site_name, asset_no, product_code, product_name, quantity,
            unit_price_minor, net_minor, tax_rate_bp, sale_rows
        )
        from books.invoice_line where invoice_id = of_invoice
        union all
        select 2, tax_rate_bp, 0, concat_ws('|', net_minor, tax_minor)
        from books.invoice_tax where invoice_id = of_invoice
        union all
        select 3, stream_id, piece, encode(hash, 'hex') from sold
        union all
        select 4, 0, 0, concat_ws('|', why, product_code, product_name, quantity, net_minor, sale_rows)
        from books.invoice_left_out where invoice_id = of_invoice
    )

    select sha256(convert_to(string_agg(
        concat_ws(':', kind, a, b, words), E'\n' order by kind, a, b, words collate "C"
    ), 'UTF8'))
    from said;
$$;

-- A draft is filled once; what is posted or discarded stays as it is, whoever asks.
create function books.guard_invoice() returns trigger language plpgsql as $$
declare
    moving constant text[] = array[
        'state', 'invoice_no', 'invoice_date', 'due_date', 'closed_by', 'closed_at', 'reason'
    ];
    filling constant text[] = array['content_hash', 'sale_rows', 'net_minor', 'tax_minor', 'total_minor'];
begin
    if tg_op = 'INSERT' then
        if new.state <> 'draft' or new.content_hash is not null then
            raise exception 'an invoice begins as an empty draft' using errcode = 'restrict_violation';
        end if;
        return new;
    end if;
    if tg_op = 'UPDATE' and old.state = 'draft' then
        if new.state = 'draft' and old.content_hash is null
            and to_jsonb(old) - filling = to_jsonb(new) - filling then
            return new;
        end if;
        if new.state <> 'draft' and to_jsonb(old) - moving = to_jsonb(new) - moving then
            if new.state = 'posted' then
                perform books.verify_invoice(new);
            end if;
            return new;
        end if;
    end if;
    raise exception 'invoice % is %: % is refused', old.id, old.state, tg_op using errcode = 'restrict_violation';
end;
$$;

-- What is posted adds up: sales to lines, lines to taxes and totals, and every sale is held.
create function books.verify_invoice(posted books.invoice) returns void language plpgsql as $$
declare
    found record;
begin
    select
        (select count(*) from books.invoice_sale as x where x.invoice_id = posted.id) as sales,
        (
            select count(*) from books.invoice_sale as x
            inner join books.invoiced_sale as h using (stream_id, seq)
            where x.invoice_id = posted.id and h.invoice_id = posted.id
        ) as held,
        (select sum(l.sale_rows) from books.invoice_line as l where l.invoice_id = posted.id) as line_sales,
        (select sum(l.net_minor) from books.invoice_line as l where l.invoice_id = posted.id) as net,
        (select sum(t.net_minor) from books.invoice_tax as t where t.invoice_id = posted.id) as taxed,
        (select sum(t.tax_minor) from books.invoice_tax as t where t.invoice_id = posted.id) as tax
    into found;
    if (found.sales, found.held, found.line_sales, found.net, found.taxed, found.tax)
        is distinct from
        (posted.sale_rows, posted.sale_rows, posted.sale_rows, posted.net_minor, posted.net_minor, posted.tax_minor)
    then
        raise exception 'invoice % does not add up', posted.id
        using detail = to_jsonb(found)::text, errcode = 'TF001';
    end if;
end;
$$;

create trigger guarded before insert or update or delete on books.invoice
for each row execute function books.guard_invoice();
create trigger never_emptied before truncate on books.invoice
for each statement execute function history.refuse_change();

-- Neither where a row was nor where it goes may be a closed invoice. The lock keeps it open until the commit.
create function books.refuse_unless_draft() returns trigger language plpgsql as $$
declare
    touched int[];
    closed int;
begin
    if tg_op = 'INSERT' then
        touched = array(select distinct invoice_id from come);
    elsif tg_op = 'DELETE' then
        touched = array(select distinct invoice_id from gone);
    else
        touched = array(select invoice_id from gone union select invoice_id from come);
    end if;
    perform from books.invoice as i where i.id = any(touched) order by i.id for share;
    select t.id into closed
    from unnest(touched) as t (id)
    left join books.invoice as i on i.id = t.id
    where i.state is distinct from 'draft';
    if found then
        raise exception 'invoice % is no draft: % on % is refused', closed, tg_op, tg_table_name
        using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;

do $$
declare
    part text;
begin
    foreach part in array array['invoice_line', 'invoice_tax', 'invoice_left_out', 'invoice_sale'] loop
        execute format('create trigger draft_only_insert after insert on books.%I '
            'referencing new table as come for each statement execute function books.refuse_unless_draft()', part);
        execute format('create trigger draft_only_update after update on books.%I '
            'referencing old table as gone new table as come '
            'for each statement execute function books.refuse_unless_draft()', part);
        execute format('create trigger draft_only_delete after delete on books.%I '
            'referencing old table as gone for each statement execute function books.refuse_unless_draft()', part);
        execute format('create trigger never_emptied before truncate on books.%I '
            'for each statement execute function history.refuse_change()', part);
    end loop;
end;
$$;

-- Sales are held for the draft that is being posted, and let go by its credit note only.
create trigger draft_only_insert after insert on books.invoiced_sale
referencing new table as come for each statement execute function books.refuse_unless_draft();

create function books.refuse_release() returns trigger language plpgsql as $$
begin
    if exists (
        select from (select distinct invoice_id from gone) as g
        where not exists (select from books.credit_note as c where c.invoice_id = g.invoice_id)
    ) then
        raise exception 'sales of a posted invoice are let go by its credit note only'
        using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;
create trigger credited_only after delete on books.invoiced_sale
referencing old table as gone for each statement execute function books.refuse_release();
create trigger never_edited before update on books.invoiced_sale
for each statement execute function history.refuse_change();
create trigger never_emptied before truncate on books.invoiced_sale
for each statement execute function history.refuse_change();

create function books.guard_credit_note() returns trigger language plpgsql as $$
begin
    if not exists (select from books.invoice as i where i.id = new.invoice_id and i.state = 'posted') then
        raise exception 'invoice % is not posted: there is nothing to credit', new.invoice_id
        using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;
create trigger posted_only before insert on books.credit_note
for each row execute function books.guard_credit_note();

do $$
declare
    final text;
begin
    foreach final in array array['credit_note', 'invoice_number'] loop
        execute format('create trigger never_edited before update or delete on books.%I '
            'for each row execute function history.refuse_change()', final);
        execute format('create trigger never_emptied before truncate on books.%I '
            'for each statement execute function history.refuse_change()', final);
    end loop;
end;
$$;

create function books.only_count_up() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or new.prefix <> old.prefix or new.last_no <= old.last_no then
        raise exception 'a number series only counts up' using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;
create trigger counts_up before update or delete on books.number_series
for each row execute function books.only_count_up();
create trigger never_emptied before truncate on books.number_series
for each statement execute function history.refuse_change();

grant select on
portal.provider, books.invoice, books.invoice_line, books.invoice_tax, books.invoice_left_out, books.invoice_sale,
books.invoiced_sale, books.credit_note, books.invoice_number, books.number_series, books.invoice_status
to tillflow_app, tillflow_auditor;
grant insert, update, delete on portal.provider to tillflow_app;
grant insert on
books.invoice, books.invoice_line, books.invoice_tax, books.invoice_left_out, books.invoice_sale,
books.invoiced_sale, books.credit_note, books.invoice_number, books.number_series
to tillflow_app;
grant update on books.invoice, books.number_series to tillflow_app;
grant delete on books.invoice_sale, books.invoiced_sale to tillflow_app;
grant usage on all sequences in schema books to tillflow_app;
