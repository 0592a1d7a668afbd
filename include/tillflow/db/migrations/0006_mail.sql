-- The outbox: a mail is queued in the transaction of what it reports and sent afterwards.
create table mail.message (
    id bigint generated always as identity primary key,
    -- what the mail is about, once: a task that runs twice queues it once
    topic text not null unique,
    message_id text not null unique,
    recipients text[] not null check (recipients <> '{}'),
    subject text not null check (subject !~ '[\r\n]'),
    text_body text not null,
    html_body text not null,
    queued_at timestamptz not null,
    -- a worker that sends takes the row for a while; a dead worker's row comes free again
    leased_until timestamptz,
    attempts int not null default 0,
    next_attempt_at timestamptz not null,
    sent_at timestamptz,
    failed_at timestamptz,
    last_error text,
    check (sent_at is null or failed_at is null)
);
create index message_waiting on mail.message (next_attempt_at)
where sent_at is null and failed_at is null;

create table mail.attachment (
    message_id bigint not null references mail.message on delete cascade,
    position int not null,
    file_name text not null,
    content_type text not null,
    content bytea not null,
    primary key (message_id, position)
);
