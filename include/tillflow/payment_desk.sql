-- name: channel_of(payment_id)$
-- Which channel does the payment's sale come from?
select c.key
from books.payment as p
inner join intake.import as i on i.id = p.import_id
inner join portal.channel as c on c.id = i.channel_id
where p.id = :payment_id;

-- name: record_denied(payment_id, actor, decision, now)!
-- Who tried what they may not do?
insert into history.event (happened_at, actor, subject, subject_key, action, reason)
values (:now, :actor, 'payment', :payment_id::text, 'denied', :decision);
