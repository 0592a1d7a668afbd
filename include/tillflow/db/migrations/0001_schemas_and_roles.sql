-- portal: what operators maintain. intake: what arrived, as it arrived. books: what we stand
-- behind. history: append-only. mail: the outbox.
create schema portal;
create schema intake;
create schema books;
create schema history;
create schema mail;

-- Group roles without login: the login of a service is made a member. The migrating user owns
-- everything and may act as the application. Roles belong to the whole server, so another database
-- may have made them already.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['tillflow_app', 'tillflow_auditor'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin', role_name);
        end if;
        -- PostgreSQL 16 makes the creator a member who may grant the role but not take it.
        execute format('grant %I to current_user', role_name);
    end loop;
    execute format('grant temporary on database %I to tillflow_app', current_database());
end;
$$;
