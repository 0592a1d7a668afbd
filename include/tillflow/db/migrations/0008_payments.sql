-- Every sale has one payment, made with it. Its state moves as `books.move` allows; the database refuses
-- any other move, keeps a history row of each, and a second move of two racing ones finds another fence.

create table books.move (
    machine text not null check (machine in ('card', 'funds', 'product', 'refund')),
    from_state text not null,
    to_state text not null,
    primary key (machine, from_state, to_state)
);
comment on table books.move is 'which state may follow which; no state but a final one is without a way out';

insert into books.move (machine, from_state, to_state) values
-- a card: claimed by a worker, or stopped before charging, or given up by a person
('card', 'due', 'in_flight'), ('card', 'due', 'failed_hard'), ('card', 'due', 'canceled'),
('card', 'retry_wait', 'in_flight'), ('card', 'retry_wait', 'failed_hard'), ('card', 'retry_wait', 'canceled'),
('card', 'retry_wait', 'due'),
-- what an attempt can come to; back to due where nothing was sent
('card', 'in_flight', 'succeeded'), ('card', 'in_flight', 'retry_wait'), ('card', 'in_flight', 'failed_hard'),
('card', 'in_flight', 'exhausted'), ('card', 'in_flight', 'unknown'), ('card', 'in_flight', 'due'),
('card', 'unknown', 'succeeded'), ('card', 'unknown', 'retry_wait'), ('card', 'unknown', 'failed_hard'),
('card', 'unknown', 'exhausted'), ('card', 'unknown', 'due'), ('card', 'unknown', 'needs_review'),
-- a person's ways out
('card', 'needs_review', 'succeeded'), ('card', 'needs_review', 'due'), ('card', 'needs_review', 'canceled'),
('card', 'failed_hard', 'due'), ('card', 'failed_hard', 'canceled'),
('card', 'exhausted', 'due'), ('card', 'exhausted', 'canceled'),
-- cheque, money order, bank draft: a person says what the bank said
('funds', 'received', 'cleared'), ('funds', 'received', 'returned'), ('funds', 'received', 'canceled'),
('funds', 'returned', 'received'), ('funds', 'returned', 'canceled'),
-- the product of a paid sale
('product', 'unpaid', 'pending'), ('product', 'pending', 'attributed'), ('product', 'pending', 'stuck'),
('product', 'pending', 'void'), ('product', 'stuck', 'attributed'), ('product', 'stuck', 'void'),
('product', 'attributed', 'void'),
-- money back: by the gateway, or by hand
('refund', 'due', 'in_flight'), ('refund', 'in_flight', 'refunded'), ('refund', 'in_flight', 'due'),
('refund', 'in_flight', 'refused'), ('refund', 'refused', 'due'), ('refund', 'refused', 'to_pay_out'),
('refund', 'to_pay_out', 'refunded');

create table books.payment (
    id bigint generated always as identity primary key,
    stream_id int not null,
    seq bigint not null,
    import_id int not null,
    row_no int not null,
    payment_type text not null,
    amount_minor bigint not null check (amount_minor > 0),
    currency char(3) not null,
    card_token text constraint token_is_no_card_number check (card_token !~ '[0-9]([ -]?[0-9]){12,18}'),
    -- what is registered at the gateway under it is registered once; another card gets another
    key uuid not null default gen_random_uuid() unique,
    state text not null,
    -- attempts that counted since a person last made the payment due
    tries int not null default 0 check (tries >= 0),
    -- when it is charged, or asked about, next
    next_attempt_at timestamptz,
    -- who claimed it last holds it until then; the fence counts the claims
    leased_until timestamptz,
    fence int not null default 0,
    -- the gateway's names of the payment and of its card
    intent text,
    method text,
    -- why it waits for a person: a stable code
    stopped_by text,
    -- when the money was taken: the start of the attempt that took it
    paid_at timestamptz,
    product_state text not null,
    -- why the product of a paid sale cannot be given: a stable code
    product_problem text,
    moved_at timestamptz not null,
    moved_by text not null,
    move_reason text,
    -- since when a person has been told that it waits for one
    told_at timestamptz,
    unique (stream_id, seq),
    unique (import_id, row_no),
    constraint payment_type_and_state check (
        case payment_type
            when 'CASH' then state = 'succeeded'
            when 'CC' then state in (
                'due', 'in_flight', 'retry_wait', 'unknown', 'needs_review', 'succeeded', 'failed_hard', 'exhausted',
                'canceled'
            )
            when 'CHQ' then state in ('received', 'cleared', 'returned', 'canceled')
            when 'MO' then state in ('received', 'cleared', 'returned', 'canceled')
            when 'BD' then state in ('received', 'cleared', 'returned', 'canceled')
            else false
        end
    ),
    constraint card_has_a_token check ((payment_type = 'CC') = (card_token is not null)),
    constraint paid_has_a_time check ((state in ('succeeded', 'cleared')) = (paid_at is not null)),
    constraint waiting_has_a_time check (
        (state in ('due', 'retry_wait', 'unknown')) = (next_attempt_at is not null)
    ),
    constraint claimed_has_a_lease check (
        case when leased_until is null then state <> 'in_flight' else state in ('in_flight', 'unknown') end
    ),
    constraint stopped_has_a_reason check (
        (state in ('needs_review', 'failed_hard', 'exhausted', 'returned')) = (stopped_by is not null)
    ),
    constraint product_follows_payment check (
        product_state in ('unpaid', 'pending', 'attributed', 'stuck', 'void')
        and (product_state = 'unpaid') = (paid_at is null)
        and (product_state = 'stuck') = (product_problem is not null)
    )
);
comment on table books.payment is 'how a sale is paid, and whether its buyer has the product';
create index payment_due on books.payment (next_attempt_at, id) where state in ('due', 'retry_wait');
create index payment_asked on books.payment (next_attempt_at) where state = 'unknown';
create index payment_leased on books.payment (leased_until) where state = 'in_flight';
create index payment_of_token on books.payment (card_token) where card_token is not null;
create index payment_pending on books.payment (paid_at, id) where product_state in ('pending', 'stuck');
-- what makes an import `processing`, and what makes it `requires action`
create index payment_processing on books.payment (import_id)
where state in ('due', 'in_flight', 'retry_wait', 'unknown') or product_state = 'pending';
create index payment_needing_action on books.payment (import_id)
where state in ('needs_review', 'failed_hard', 'exhausted', 'returned') or product_state = 'stuck';

-- One charge sent to the gateway. Written before it is sent; open until its outcome is known.
create table books.payment_attempt (
    payment_id bigint not null references books.payment,
    attempt_no int not null check (attempt_no > 0),
    -- the gateway knows the attempt by it: sent again, it is the same attempt
    key uuid not null default gen_random_uuid() unique,
    card_token text not null constraint attempt_token_is_no_card_number
    check (card_token !~ '[0-9]([ -]?[0-9]){12,18}'),
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome text check (outcome in ('approved', 'soft_declined', 'hard_declined', 'not_processed')),
    code text,
    -- the gateway's name of the charge
    reference text,
    primary key (payment_id, attempt_no),
    check ((finished_at is null) = (outcome is null)),
    check ((outcome = 'approved') = (reference is not null) or outcome is null)
);
create unique index payment_attempt_open on books.payment_attempt (payment_id) where finished_at is null;
create unique index payment_attempt_success on books.payment_attempt (payment_id) where outcome = 'approved';
-- a charge pays one sale: nobody can book it for another one by hand
create unique index payment_attempt_reference on books.payment_attempt (reference) where outcome = 'approved';
-- card schemes limit how often a declined card may be tried
create index payment_attempt_declined on books.payment_attempt (card_token, started_at)
where outcome in ('soft_declined', 'hard_declined');

-- Money given back: the whole amount of a payment, once.
create table books.refund (
    id bigint generated always as identity primary key,
    payment_id bigint not null references books.payment,
    amount_minor bigint not null check (amount_minor > 0),
    currency char(3) not null,
    key uuid not null default gen_random_uuid() unique,
    state text not null check (state in ('due', 'in_flight', 'refunded', 'refused', 'to_pay_out')),
    leased_until timestamptz,
    fence int not null default 0,
    next_attempt_at timestamptz,
    -- the gateway's, or of the paper with which it was paid out
    reference text,
    stopped_by text,
    moved_at timestamptz not null,
    moved_by text not null,
    move_reason text not null,
    told_at timestamptz,
    unique (payment_id),
    check ((state = 'refunded') = (reference is not null)),
    check ((state = 'in_flight') = (leased_until is not null)),
    check ((state = 'due') = (next_attempt_at is not null))
);
create index refund_open on books.refund (next_attempt_at) where state in ('due', 'in_flight');

-- A move that the table does not know is refused, whoever makes it; what has been agreed stays.
create function books.check_payment_move() returns trigger language plpgsql as $$
declare
    machine_of_type text := case when new.payment_type = 'CC' then 'card' else 'funds' end;
begin
    if (new.id, new.stream_id, new.seq, new.import_id, new.row_no, new.payment_type, new.amount_minor, new.currency)
        is distinct from
        (old.id, old.stream_id, old.seq, old.import_id, old.row_no, old.payment_type, old.amount_minor, old.currency)
    then
        raise exception 'payment %: its amount and what it belongs to are final', old.id
        using errcode = 'restrict_violation';
    end if;
    -- another card is registered anew, and only after every attempt with the old one was declined
    if (new.card_token, new.key) is distinct from (old.card_token, old.key) and not (
            old.state in ('failed_hard', 'exhausted') and new.state = 'due'
            and new.card_token <> old.card_token and new.key <> old.key and new.intent is null
        )
    then
        raise exception 'payment %: its card cannot be changed now', old.id using errcode = 'restrict_violation';
    end if;
    if new.state <> old.state then
        perform books.check_move(machine_of_type, old.state, new.state);
    end if;
    if new.product_state <> old.product_state then
        perform books.check_move('product', old.product_state, new.product_state);
    end if;
    if (new.state, new.product_state) is distinct from (old.state, old.product_state) then
        new.told_at := null;
    end if;
    return new;
end;
$$;

create function books.check_move(of_machine text, of_state text, into_state text) returns void language plpgsql as $$
begin
    if not exists (
        select from books.move as m
        where m.machine = of_machine and m.from_state = of_state and m.to_state = into_state
    ) then
        raise exception '% cannot go from % to %', of_machine, of_state, into_state
        using errcode = 'restrict_violation';
    end if;
end;
$$;

create function books.check_refund_move() returns trigger language plpgsql as $$
begin
    if (new.id, new.payment_id, new.amount_minor, new.currency, new.key)
        is distinct from (old.id, old.payment_id, old.amount_minor, old.currency, old.key)
    then
        raise exception 'refund %: its amount and payment are final', old.id using errcode = 'restrict_violation';
    end if;
    if new.state <> old.state then
        perform books.check_move('refund', old.state, new.state);
        new.told_at := null;
    end if;
    return new;
end;
$$;

-- The subject is the trigger's argument; the row says who, when and why.
create function books.record_move() returns trigger language plpgsql as $$
begin
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
    values (
        new.moved_at, new.moved_by, tg_argv[0], new.id::text, new.state, new.move_reason,
        jsonb_build_object('state', old.state), jsonb_build_object('state', new.state)
    );
    return null;
end;
$$;

create function books.record_product_move() returns trigger language plpgsql as $$
begin
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
    values (
        new.moved_at, new.moved_by, 'product of payment', new.id::text, new.product_state,
        coalesce(new.product_problem, new.move_reason),
        jsonb_build_object('state', old.product_state), jsonb_build_object('state', new.product_state)
    );
    return null;
end;
$$;

create function books.refuse_change_of_attempt() returns trigger language plpgsql as $$
begin
    if old.outcome is not null
        or (new.payment_id, new.attempt_no, new.key, new.card_token, new.started_at)
        is distinct from (old.payment_id, old.attempt_no, old.key, old.card_token, old.started_at)
    then
        raise exception 'payment %: attempt % is settled, or another one', old.payment_id, old.attempt_no
        using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;

create trigger moves_are_allowed before update on books.payment
for each row execute function books.check_payment_move();
create trigger moves_are_recorded after update on books.payment
for each row when (old.state <> new.state) execute function books.record_move('payment');
create trigger product_moves_are_recorded after update on books.payment
for each row when (
    old.product_state <> new.product_state and new.product_state in ('stuck', 'void')
) execute function books.record_product_move();
create trigger never_deleted before delete on books.payment
for each row execute function history.refuse_change();
create trigger moves_are_allowed before update on books.refund
for each row execute function books.check_refund_move();
create trigger moves_are_recorded after update on books.refund
for each row when (old.state <> new.state) execute function books.record_move('refund');
create trigger never_deleted before delete on books.refund
for each row execute function history.refuse_change();
create trigger settled_is_settled before update on books.payment_attempt
for each row execute function books.refuse_change_of_attempt();
create trigger never_deleted before delete on books.payment_attempt
for each row execute function history.refuse_change();

-- A sale brings its payment, whoever writes the sale: an import, or a person who resolved a row.
create function books.payments_of_sales() returns trigger language plpgsql as $$
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
create trigger brings_its_payment after insert on books.offline_sale
referencing new table as booked for each statement execute function books.payments_of_sales();

drop view intake.import_status;

insert into books.payment (
    stream_id, seq, import_id, row_no, payment_type, amount_minor, currency, card_token,
    state, next_attempt_at, paid_at, product_state, moved_at, moved_by
)
select
    s.stream_id,
    s.seq,
    s.import_id,
    s.row_no,
    s.payment_type,
    s.amount_minor,
    s.currency,
    s.card_token,
    case s.payment_type when 'CASH' then 'succeeded' when 'CC' then 'due' else 'received' end as state,
    case s.payment_type when 'CC' then s.recorded_at end as next_attempt_at,
    case s.payment_type when 'CASH' then s.recorded_at end as paid_at,
    case s.payment_type when 'CASH' then 'pending' else 'unpaid' end as product_state,
    s.recorded_at,
    'import' as moved_by
from books.offline_sale as s
order by s.stream_id, s.seq;

alter table books.offline_sale drop column payment_state;

-- The tab under which an operator finds a row of offline sales (domain 2.3). A row whose payment is
-- being charged, or whose product is about to be given, is being processed.
create view books.row_tab with (security_invoker = true) as
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

-- The status of an import is never stored: it follows from its rows.
create view intake.import_status with (security_invoker = true) as
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

-- A paid sale gives its buyer the product once: entry numbers of a draw, without gap or overlap.
alter table portal.draw add column max_entries int check (max_entries > 0);
alter table portal.draw_product add column entries int not null default 1 check (entries > 0);
-- A buyer who gave neither a number nor an e-mail address gave a postal one; nobody finds them again by it.
alter table portal.buyer drop constraint buyer_check;

create table books.draw_counter (
    draw_id int primary key,
    next_entry bigint not null default 1 check (next_entry > 0)
);
create table books.attribution (
    payment_id bigint primary key references books.payment,
    buyer_id int not null,
    draw_id int not null,
    entries int8range not null check (not isempty(entries)),
    attributed_at timestamptz not null,
    constraint entries_given_once exclude using gist (
        int8range(draw_id, draw_id, '[]') with &&, entries with &&
    )
);
create index attribution_of_buyer on books.attribution (buyer_id);
create trigger never_edited before update or delete on books.attribution
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on books.attribution
for each statement execute function history.refuse_change();

grant select on all tables in schema books, intake to tillflow_app, tillflow_auditor;
grant insert, update on books.payment, books.payment_attempt, books.refund, books.draw_counter to tillflow_app;
grant insert on books.attribution to tillflow_app;
grant usage on all sequences in schema books to tillflow_app;
