-- name: prefix(is_credit_note)$
-- With what do the provider's numbers begin?
select case when :is_credit_note then coalesce(min(credit_prefix), 'CN-') else coalesce(min(invoice_prefix), 'INV-') end
from portal.provider;

-- name: begin_series(prefix)!
insert into books.number_series (prefix) values (:prefix) on conflict (prefix) do nothing;

-- name: count_up(prefix)$
-- Which number is next? The row stays locked until the number is committed, or given back by a rollback.
update books.number_series set last_no = last_no + 1
where prefix = :prefix
returning prefix || lpad(last_no::text, greatest(5, length(last_no::text)), '0');

-- name: give(number, invoice_id, is_credit_note)$
-- Is the number free? Who gives the same one in this moment is waited for.
insert into books.invoice_number (number, invoice_id, is_credit_note)
values (:number, :invoice_id, :is_credit_note)
on conflict do nothing
returning number;
