-- The application may not drop anything, nor change what is history; the auditor only reads.
grant usage on schema portal, intake, books, history, mail to tillflow_app, tillflow_auditor;
grant select on all tables in schema portal, intake, books, history to tillflow_app, tillflow_auditor;

grant insert, update, delete on all tables in schema portal to tillflow_app;
grant insert on all tables in schema intake, books to tillflow_app;
grant update on intake.import, intake.stream, intake.balance, books.exception, books.offline_sale
to tillflow_app;
grant insert on history.event to tillflow_app;
grant select, insert, update on all tables in schema mail to tillflow_app;
grant usage on all sequences in schema portal, intake, books, history, mail to tillflow_app;
