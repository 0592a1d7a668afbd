-- name: kept(invoice_id)^
-- What became of the invoice, and which logo did its seller have?
select i.state, i.reason, i.seller ->> 'logo' as logo
from books.invoice as i
where i.id = :invoice_id;
