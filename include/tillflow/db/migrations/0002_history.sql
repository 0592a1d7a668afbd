-- One row per thing that happened: who, when, what, why, before and after.
create table history.event (
    id bigint generated always as identity primary key,
    happened_at timestamptz not null,
    actor text not null check (actor <> ''),
    subject text not null,
    subject_key text not null,
    action text not null,
    reason text,
    before jsonb,
    after jsonb
);
create index event_of_subject on history.event (subject, subject_key, id);

create function history.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'history is append-only: % on %.% is refused',
        tg_op, tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end;
$$;

create trigger append_only before update or delete on history.event
for each row execute function history.refuse_change();
create trigger never_emptied before truncate on history.event
for each statement execute function history.refuse_change();
