create table intake.import (
    id int generated always as identity primary key,
    kind text not null check (kind in ('offline_sales', 'equipment_sync', 'portal_data')),
    channel_id int references portal.channel,
    file_name text not null check (file_name <> '' and length(file_name) <= 255),
    uploader text not null check (uploader <> ''),
    -- where the file was taken from and its version there: a task that dies between the commit and
    -- the removal of the file finds its own file again and knows it from a second delivery
    source text not null,
    source_version text not null,
    sha256 text not null check (length(sha256) = 64),
    size_bytes bigint not null check (size_bytes >= 0),
    -- how the text was read: encoding, delimiter, warnings; shown on the import's page
    reading jsonb not null default '{}',
    received_at timestamptz not null,
    booked_at timestamptz,
    rejected_at timestamptz,
    -- the sanitised rows, relative to the storage; null where the file was refused while reading
    archive_path text,
    check (kind = 'offline_sales' or channel_id is null),
    check (kind <> 'offline_sales' or channel_id is not null or rejected_at is not null),
    check (booked_at is null or rejected_at is null),
    check (archive_path is not null or rejected_at is not null)
);
comment on table intake.import is 'one file as received';
-- A file that was refused may come again; one that was taken may not.
create unique index import_fingerprint
on intake.import (kind, coalesce(channel_id, 0), sha256) where rejected_at is null;
create index import_delivery on intake.import (source, source_version);
create index import_of_channel on intake.import (channel_id, id);

create table intake.file_error (
    import_id int not null references intake.import,
    position int not null,
    code text not null,
    row_no int,
    column_name text,
    message text not null,
    primary key (import_id, position)
);

-- A sequence in which a number occurs once: a machine's running numbers since a boot, or the
-- orders of a lottery in a channel. It gives the row keys their integer half.
create table intake.stream (
    id int generated always as identity primary key,
    kind text not null check (kind in ('offline_sales', 'equipment_sync')),
    owner text not null,
    part text not null,
    -- the greatest number recorded: a greater one is new without looking it up
    high_water bigint not null default -1,
    unique (kind, owner, part)
);

create table intake.transaction (
    import_id int not null,
    row_no int not null,
    verdict text not null check (verdict in ('exception', 'duplicate', 'not_billable')),
    stream_id int,
    seq bigint,
    content_hash bigint not null,
    currency char(3) not null,
    amount_minor bigint not null,
    raw jsonb not null,
    primary key (import_id, row_no)
);
comment on table intake.transaction is
'a row of an import, as it arrived, that did not become a sale at once; never edited';
-- The row that stands for its key where no sale does; a conflicting copy of it is not first.
create index transaction_key on intake.transaction (stream_id, seq) where verdict <> 'duplicate';
create index transaction_unkeyed on intake.transaction (content_hash)
where stream_id is null and verdict <> 'duplicate';

create table intake.balance (
    import_id int not null references intake.import,
    -- XXX (ISO 4217: no currency) holds the rows whose currency cannot be read
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    read_rows int not null,
    sale_rows int not null default 0,
    exception_rows int not null default 0,
    duplicate_rows int not null default 0,
    not_billable_rows int not null default 0,
    rejected_rows int not null default 0,
    read_minor bigint not null,
    sale_minor bigint not null default 0,
    exception_minor bigint not null default 0,
    duplicate_minor bigint not null default 0,
    not_billable_minor bigint not null default 0,
    rejected_minor bigint not null default 0,
    primary key (import_id, currency),
    constraint rows_balance check (
        read_rows = sale_rows + exception_rows + duplicate_rows + not_billable_rows + rejected_rows
    ),
    constraint money_balances check (
        read_minor = sale_minor + exception_minor + duplicate_minor + not_billable_minor + rejected_minor
    ),
    check (least(sale_rows, exception_rows, duplicate_rows, not_billable_rows, rejected_rows) >= 0)
);

-- What Great Expectations said of a rule, per import.
create table intake.validation (
    import_id int not null references intake.import,
    suite text not null check (suite in ('file', 'verdicts', 'native')),
    rule text not null,
    expectation text not null,
    severity text not null check (severity in ('critical', 'warning', 'info')),
    mostly double precision not null check (mostly between 0 and 1),
    success boolean not null,
    evaluated int not null,
    failed int not null,
    failing_rows int[] not null,
    primary key (import_id, suite, rule, expectation)
);

-- History rows and transactions record what happened: nobody edits them.
create trigger never_edited before update or delete on intake.transaction
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on intake.transaction
for each statement execute function history.refuse_change();
