-- A second wall behind the desk's own checks (pages and REST): its connections act as `tillflow_desk`, which may
-- what the application may but sees only what the person at the desk was granted. They say who it is in
-- `tillflow.person`; without a name nothing is seen. The tasks of the DAGs act as `tillflow_app`, for which these
-- policies are a constant true; nor are they meant for a login that may act as the desk but does not. Not on the
-- tables that are written by COPY, which row-level security forbids.
do $$
declare
    login name;
begin
    if not exists (select from pg_roles where rolname = 'tillflow_desk') then
        create role tillflow_desk nologin;
    end if;
    grant tillflow_desk to current_user;
    grant tillflow_app to tillflow_desk;
    -- a service's login that stood before this role did; the migrating user made itself a member above
    for login in
        select m.rolname from pg_auth_members as g
        inner join pg_roles as m on m.oid = g.member
        where g.roleid = 'tillflow_app'::regrole and m.rolcanlogin and m.rolname <> current_user
    loop
        execute format('grant tillflow_desk to %I', login);
    end loop;
end;
$$;

create function portal.desk_holds(variadic capabilities text[]) returns boolean stable language sql as $$
    select exists (
        select from portal.operator as o
        where o.user_name = current_setting('tillflow.person', true) and o.capability = any(capabilities)
    )
$$;
comment on function portal.desk_holds is 'does the person at the desk hold one of these, for whatever it is?';

create function portal.desk_channels() returns int[] stable language sql as $$
    select coalesce(array_agg(distinct o.channel_id), '{}') from portal.operator as o
    where o.user_name = current_setting('tillflow.person', true) and o.channel_id is not null
$$;
comment on function portal.desk_channels is 'the channels of the person at the desk';

create function portal.desk_customers() returns int[] stable language sql as $$
    select coalesce(array_agg(distinct o.customer_id), '{}') from portal.operator as o
    where o.user_name = current_setting('tillflow.person', true) and o.customer_id is not null
$$;
comment on function portal.desk_customers is 'the customers of the person at the desk';

alter table intake.import enable row level security;
create policy everything on intake.import to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on intake.import as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or channel_id = any((select portal.desk_channels())::int[])
    or (select portal.desk_holds('auditor'))
    or (kind <> 'offline_sales' and (select portal.desk_holds('provider')))
    -- the dumps in which vends of their machines wait; with the name of the file they find them in the report
    or (kind = 'equipment_sync' and exists (
        select from books.exception as e
        where e.import_id = import.id and e.customer_id = any((select portal.desk_customers())::int[])
    ))
    -- a file that was refused at the door, for its channel or for the lack of a grant: its bringer sees why
    or (rejected_at is not null and uploader = current_setting('tillflow.person', true))
);

alter table intake.file_error enable row level security;
create policy everything on intake.file_error to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on intake.file_error as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or exists (select from intake.import as i where i.id = file_error.import_id)
);

alter table books.payment enable row level security;
create policy everything on books.payment to tillflow_app, tillflow_auditor using (true) with check (true);
create policy of_the_desk on books.payment as restrictive to tillflow_desk using (
    current_user <> 'tillflow_desk'
    or exists (select from intake.import as i where i.id = payment.import_id)
);
