drop view intake.import_status;
drop view books.row_tab;
drop table books.attribution, books.draw_counter;
alter table portal.buyer add check (customer_id is not null or email is not null);
alter table portal.draw_product drop column entries;
alter table portal.draw drop column max_entries;
alter table books.offline_sale add column payment_state text not null default 'payment_due'
check (payment_state in ('payment_due', 'funds_pending', 'succeeded'));
update books.offline_sale as s
set payment_state = case
    when p.paid_at is not null then 'succeeded' when p.payment_type = 'CC' then 'payment_due' else 'funds_pending'
end
from books.payment as p
where p.stream_id = s.stream_id and p.seq = s.seq;
alter table books.offline_sale alter column payment_state drop default;
create index offline_sale_waiting on books.offline_sale (import_id) where payment_state <> 'succeeded';
drop trigger brings_its_payment on books.offline_sale;
drop table books.refund, books.payment_attempt, books.payment, books.move;
drop function books.payments_of_sales(), books.refuse_change_of_attempt(), books.record_product_move(),
books.record_move(), books.check_refund_move(), books.check_payment_move(), books.check_move(text, text, text);
create view intake.import_status with (security_invoker = true) as
select
    i.id as import_id,
    case
        when i.rejected_at is not null then 'rejected'
        when i.booked_at is null then 'processing'
        when exists (
            select from books.offline_sale as s
            where s.import_id = i.id and s.payment_state = 'payment_due'
        ) then 'processing'
        when exists (
            select from books.exception as e
            where e.import_id = i.id and e.state = 'open'
        ) then 'requires action'
        else 'completed'
    end as status
from intake.import as i;
grant select on intake.import_status to tillflow_app, tillflow_auditor;
