drop policy of_the_desk on intake.validation;
drop policy everything on intake.validation;
alter table intake.validation disable row level security;
drop policy of_the_desk on intake.correction;
drop policy everything on intake.correction;
alter table intake.correction disable row level security;
drop policy of_the_desk on books.payment_attempt;
drop policy everything on books.payment_attempt;
alter table books.payment_attempt disable row level security;
drop policy let_go_by_the_provider on books.invoiced_sale;
drop policy let_go_by_the_provider on books.invoice_sale;
do $$
declare
    walled text;
begin
    foreach walled in array array[
        'reconciliation_record', 'reconciliation', 'number_series', 'credit_note', 'invoice_number', 'invoiced_sale',
        'invoice_sale', 'invoice_left_out', 'invoice_tax', 'invoice_line', 'invoice'
    ] loop
        execute format('drop policy of_the_desk on books.%I', walled);
        execute format('drop policy everything on books.%I', walled);
        execute format('alter table books.%I disable row level security', walled);
    end loop;
end;
$$;
drop function intake.imports_that_may_be(text, int, int);
drop index books.refund_waiting;
drop index books.invoice_newest_of_customer;
drop index intake.import_rejected;
drop index intake.import_not_booked;
drop index intake.import_of_kind;
