drop index books.invoice_of_state;
drop index books.exception_of_machine, books.exception_open_nowhere;
