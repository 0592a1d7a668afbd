-- name: version_at(equipment, at)^
-- Which version of a machine's planogram was in force?
select
    lower(g.valid) as starts,
    upper(g.valid) as ends
from portal.planogram as g
inner join portal.equipment as e on e.id = g.equipment_id
where e.asset_no = :equipment and g.valid @> :at::timestamptz;

-- name: versions_around(equipment, at)^
-- When did the last one end before, and when does the next one begin?
select
    max(upper(g.valid)) filter (where upper(g.valid) <= :at) as ended,
    min(lower(g.valid)) filter (where lower(g.valid) > :at) as begins
from portal.planogram as g
inner join portal.equipment as e on e.id = g.equipment_id
where e.asset_no = :equipment;

-- name: versions_during(equipment, starts, ends)
-- Which versions are in force in a time?
select
    lower(g.valid) as starts,
    upper(g.valid) as ends
from portal.planogram as g
inner join portal.equipment as e on e.id = g.equipment_id
where e.asset_no = :equipment and g.valid && tstzrange(:starts, :ends)
order by lower(g.valid);
