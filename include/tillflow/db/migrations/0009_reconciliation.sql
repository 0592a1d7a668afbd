-- Exceptions are judged again after portal data was fixed. A reason that was cleared stays cleared, so what
-- was found then (place, product, user) is kept until the last reason is gone.
alter table books.exception
add column place_id int,
add column item_id int,
add column vendee_id int,
add column planogram_price_minor bigint;
create index exception_open_machine on books.exception (asset_no, id) where state = 'open';

create table books.reconciliation (
    id int generated always as identity primary key,
    kind text not null check (kind in ('user', 'product')),
    customer_id int,
    asset_no text,
    -- inclusive days in the site's zone
    date_from date,
    date_to date,
    requested_by text not null check (requested_by <> ''),
    requested_at timestamptz not null,
    -- who asked, once: a task that runs twice opens one
    request_key text not null unique,
    state text not null default 'running' check (state in ('running', 'completed', 'given_up')),
    finished_at timestamptz,
    attempted int not null default 0,
    reconciled int not null default 0,
    failed int not null default 0,
    check ((state = 'running') = (finished_at is null)),
    check (attempted = reconciled + failed),
    check ((kind = 'user') = (customer_id is not null)),
    check ((kind = 'product') = (asset_no is not null)),
    check ((kind = 'product') = (date_from is not null and date_to is not null)),
    check (date_from <= date_to)
);
comment on table books.reconciliation is 'one judgement again of open exceptions, and what came of it';
create unique index reconciliation_of_customer on books.reconciliation (customer_id)
where state = 'running' and kind = 'user';
create unique index reconciliation_of_machine on books.reconciliation (asset_no)
where state = 'running' and kind = 'product';

create table books.reconciliation_record (
    reconciliation_id int not null references books.reconciliation,
    exception_id bigint not null references books.exception,
    outcome text not null check (outcome in ('SUCCESS', 'FAILURE')),
    cleared_reasons text[] not null,
    -- what is left; empty where the exception has become a sale
    reasons text[] not null,
    primary key (reconciliation_id, exception_id),
    check ((outcome = 'SUCCESS') = (reasons = '{}'))
);
create trigger never_edited before update or delete on books.reconciliation_record
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on books.reconciliation_record
for each statement execute function history.refuse_change();

grant select on books.reconciliation, books.reconciliation_record to tillflow_app, tillflow_auditor;
grant insert, update on books.reconciliation to tillflow_app;
grant insert on books.reconciliation_record to tillflow_app;
grant usage on all sequences in schema books to tillflow_app;
