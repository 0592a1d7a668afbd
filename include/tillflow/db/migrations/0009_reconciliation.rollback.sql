drop table books.reconciliation_record, books.reconciliation;
drop index books.exception_open_machine;
alter table books.exception
drop column place_id, drop column item_id, drop column vendee_id, drop column planogram_price_minor;
