-- name: access_during(customer, user, equipment, starts, ends)
-- When may a user vend at a machine, of a time?
select
    lower(a.valid) as starts,
    upper(a.valid) as ends
from portal.access as a
inner join portal.consumer as u on u.id = a.consumer_id
inner join portal.customer as c on c.id = u.customer_id
inner join portal.equipment as e on e.id = a.equipment_id
where
    c.key = :customer and u.key = :user and e.asset_no = :equipment
    and a.valid && tstzrange(:starts, :ends)
order by lower(a.valid) nulls first;

-- name: access_at(customer, user, equipment, at)^
-- Which of a user's times at a machine holds a moment?
select
    lower(a.valid) as starts,
    upper(a.valid) as ends
from portal.access as a
inner join portal.consumer as u on u.id = a.consumer_id
inner join portal.customer as c on c.id = u.customer_id
inner join portal.equipment as e on e.id = a.equipment_id
where c.key = :customer and u.key = :user and e.asset_no = :equipment and a.valid @> :at::timestamptz;
