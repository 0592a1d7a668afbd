drop table intake.validation, intake.balance, intake.transaction, intake.stream, intake.file_error,
intake.import;
