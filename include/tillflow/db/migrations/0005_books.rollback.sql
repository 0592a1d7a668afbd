drop trigger balance_holds on intake.balance;
drop trigger balance_holds on intake.import;
drop function intake.verify_balance_at_commit();
drop function intake.verify_balance(int);
drop view intake.import_status;
drop view books.sale;
drop table books.exception, books.offline_sale, books.vend_sale, books.vendee, books.item, books.place;
