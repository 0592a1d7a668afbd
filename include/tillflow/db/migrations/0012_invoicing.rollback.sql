create or replace function books.vend_sale_is_invoiced(stream_id int, seq bigint) returns boolean
language sql stable as $$
    select false;
$$;
drop view books.invoice_status;
drop function books.snapshot_hash(int);
drop table books.number_series, books.invoice_number, books.credit_note, books.invoiced_sale, books.invoice_sale,
books.invoice_left_out, books.invoice_tax, books.invoice_line;
drop function books.verify_invoice(books.invoice) cascade;
drop table books.invoice;
drop function books.guard_invoice(), books.refuse_unless_draft(), books.refuse_release(), books.guard_credit_note(),
books.only_count_up();
drop table portal.provider;
alter table portal.customer
drop column address_line_1, drop column address_line_2, drop column city, drop column region, drop column postcode,
drop column country, drop column tax_id, drop column payment_days, drop column approval_limit_minor,
drop column billing_calendar, drop column billing_from;
