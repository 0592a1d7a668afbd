-- name: record_removed(now, actor, subject, key, reason, before)!
-- What does the history say of a record that is removed?
insert into history.event (happened_at, actor, subject, subject_key, action, reason, before)
values (:now, :actor, :subject, :key, 'removed', :reason, :before::jsonb);

-- name: delete_selection(id, selection)!
-- Which selection does its planogram lose?
delete from portal.selection
where planogram_id = :id and code = :selection;

-- name: delete_empty_planogram(id)!
-- Has the planogram lost its last selection? An empty one would stand in the way of others, and no list shows it.
delete from portal.planogram as g
where g.id = :id and not exists (select from portal.selection as x where x.planogram_id = g.id);

-- name: is_last_provider(id)$
-- Is this the only grant by which portal data can be edited?
select
    o.capability = 'provider'
    and not exists (select from portal.operator as n where n.capability = 'provider' and n.id <> o.id)
from portal.operator as o
where o.id = :id;
