-- name: balances_that_hold(since)$
-- Does the balance of every import booked since then match its rows? Raises for the first that does not.
select count(*) from (
    select intake.verify_balance(i.id) from intake.import as i where i.booked_at >= :since
) as verified;

-- name: dangling_sales(since)$
-- How many vends recorded since then point at a place, product or user that is not there?
select count(*)
from books.vend_sale as s
where
    s.recorded_at >= :since
    and (
        not exists (select from books.place as p where p.id = s.place_id)
        or not exists (select from books.item as i where i.id = s.item_id)
        or not exists (select from books.vendee as v where v.id = s.vendee_id)
    );
