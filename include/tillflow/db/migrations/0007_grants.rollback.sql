revoke all on all tables in schema portal, intake, books, history, mail from tillflow_app, tillflow_auditor;
revoke all on all sequences in schema portal, intake, books, history, mail from tillflow_app, tillflow_auditor;
revoke all on schema portal, intake, books, history, mail from tillflow_app, tillflow_auditor;
