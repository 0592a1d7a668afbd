drop function intake.imports_that_may_be(text, int, int);
drop index books.refund_waiting;
drop index intake.import_rejected;
drop index intake.import_not_booked;
drop index intake.import_of_kind;
