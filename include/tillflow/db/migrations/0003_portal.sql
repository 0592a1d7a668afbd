-- What operators maintain. `id` is the machine's key, the `unique` beside it the person's.
-- Every period is half-open in UTC; periods of one thing cannot overlap. btree_gist may be absent,
-- so equality inside an exclusion is written as overlap of one-element ranges.

create table portal.channel (
    id int generated always as identity primary key,
    key text not null unique check (key ~ '^[a-z0-9_-]{1,40}$'),
    name text not null check (name <> ''),
    zone text not null,
    -- more row errors than this refuse the whole file; null: no limit
    max_row_errors int check (max_row_errors >= 0)
);

create table portal.lottery (
    id int generated always as identity primary key,
    key text not null unique check (key <> '' and length(key) <= 40),
    name text not null check (name <> ''),
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    address_format text not null default 'standard' check (address_format in ('standard', 'international')),
    address_required boolean not null default false,
    active boolean not null default true
);

create table portal.draw (
    id int generated always as identity primary key,
    lottery_id int not null references portal.lottery,
    draw_no int not null check (draw_no > 0),
    open_during tstzrange not null check (not isempty(open_during)),
    unique (lottery_id, draw_no)
);

create table portal.draw_product (
    id int generated always as identity primary key,
    draw_id int not null references portal.draw,
    product text not null check (product <> '' and length(product) <= 40),
    name text not null check (name <> ''),
    price_minor bigint not null check (price_minor > 0),
    unique (draw_id, product)
);

create table portal.buyer (
    id int generated always as identity primary key,
    customer_id text unique check (length(customer_id) between 1 and 100),
    email text check (email = lower(email)),
    first_name text not null,
    last_name text not null,
    check (customer_id is not null or email is not null)
);
create unique index buyer_email on portal.buyer (email) where customer_id is null;

create table portal.customer (
    id int generated always as identity primary key,
    key text not null unique check (key ~ '^[A-Za-z0-9_-]{1,40}$'),
    name text not null check (name <> ''),
    zone text not null,
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    billing_email text
);

create table portal.site (
    id int generated always as identity primary key,
    key text not null unique check (key ~ '^[A-Za-z0-9_-]{1,40}$'),
    customer_id int not null references portal.customer,
    name text not null check (name <> ''),
    zone text not null
);

create table portal.equipment (
    id int generated always as identity primary key,
    asset_no text not null unique check (asset_no <> '' and length(asset_no) <= 40),
    name text not null,
    silent_after_hours int not null default 48 check (silent_after_hours > 0)
);

create table portal.allocation (
    id int generated always as identity primary key,
    equipment_id int not null references portal.equipment,
    site_id int not null references portal.site,
    valid tstzrange not null check (not isempty(valid) and not lower_inf(valid)),
    constraint allocation_no_overlap exclude using gist (
        int8range(equipment_id, equipment_id, '[]') with &&, valid with &&
    )
);
create unique index allocation_start on portal.allocation (equipment_id, lower(valid));

create table portal.product (
    id int generated always as identity primary key,
    code text not null unique check (code <> '' and length(code) <= 40),
    name text not null check (name <> ''),
    tax_rate_bp int not null default 0 check (tax_rate_bp between 0 and 10000),
    not_invoiced_from timestamptz
);

create table portal.planogram (
    id int generated always as identity primary key,
    equipment_id int not null references portal.equipment,
    valid tstzrange not null check (not isempty(valid) and not lower_inf(valid)),
    constraint planogram_no_overlap exclude using gist (
        int8range(equipment_id, equipment_id, '[]') with &&, valid with &&
    )
);
create unique index planogram_start on portal.planogram (equipment_id, lower(valid));

create table portal.selection (
    planogram_id int not null references portal.planogram,
    -- text: 0001 and 000C are codes, not numbers
    code text not null check (code <> '' and length(code) <= 20),
    product_id int not null references portal.product,
    price_minor bigint not null check (price_minor >= 0),
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    primary key (planogram_id, code)
);

create table portal.consumer (
    id int generated always as identity primary key,
    customer_id int not null references portal.customer,
    key text not null check (key <> '' and length(key) <= 40),
    name text not null check (name <> ''),
    email text,
    role text not null,
    card_no text check (length(card_no) between 1 and 40),
    facility_id text check (length(facility_id) <= 20),
    access_code text check (length(access_code) between 1 and 40),
    pin_hash uuid,
    unique (customer_id, key),
    -- a blank facility is a value of its own: it is not 0
    check ((card_no is null) = (facility_id is null)),
    check ((access_code is null) = (pin_hash is null)),
    unique (customer_id, card_no, facility_id),
    unique (customer_id, access_code, pin_hash)
);
comment on table portal.consumer is
'users of a customer; one with the role Consumer may vend. `user` is a reserved word.';

create table portal.access (
    id int generated always as identity primary key,
    consumer_id int not null references portal.consumer,
    equipment_id int not null references portal.equipment,
    -- (,) is an access without dates: it covers all time
    valid tstzrange not null default '(,)' check (not isempty(valid)),
    constraint access_no_overlap exclude using gist (
        int8range(consumer_id, consumer_id, '[]') with &&,
        int8range(equipment_id, equipment_id, '[]') with &&,
        valid with &&
    )
);
create index access_of_equipment on portal.access (equipment_id);

create table portal.operator (
    id int generated always as identity primary key,
    user_name text not null check (user_name <> ''),
    capability text not null check (
        capability in ('offline_sales_upload', 'offline_sales_admin', 'provider', 'customer_user', 'auditor')
    ),
    channel_id int references portal.channel,
    customer_id int references portal.customer,
    check ((capability in ('offline_sales_upload', 'offline_sales_admin')) = (channel_id is not null)),
    check ((capability = 'customer_user') = (customer_id is not null)),
    unique nulls not distinct (user_name, capability, channel_id, customer_id)
);
