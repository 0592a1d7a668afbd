-- name: allocations_during(equipment, starts, ends)
-- Where does a machine stand in a time?
select
    s.key as site,
    lower(a.valid) as starts,
    upper(a.valid) as ends
from portal.allocation as a
inner join portal.equipment as e on e.id = a.equipment_id
inner join portal.site as s on s.id = a.site_id
where e.asset_no = :equipment and a.valid && tstzrange(:starts, :ends)
order by lower(a.valid);

-- name: allocation_at(equipment, at)^
-- Where does a machine stand at a moment?
select
    s.key as site,
    lower(a.valid) as starts,
    upper(a.valid) as ends
from portal.allocation as a
inner join portal.equipment as e on e.id = a.equipment_id
inner join portal.site as s on s.id = a.site_id
where e.asset_no = :equipment and a.valid @> :at::timestamptz;
