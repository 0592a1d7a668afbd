drop index books.payment_funds_pending;
drop index intake.import_received;
