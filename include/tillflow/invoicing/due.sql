-- name: billed_by_calendar()
-- Who is billed by a calendar, where does their day begin, and from when on? What has a range already, standing or
-- discarded, was decided about; before the first one their first sale counts.
select c.key, c.zone, c.billing_calendar, c.billing_from, r.date_to, f.falls_at
from portal.customer as c
left join lateral (select max(i.date_to) as date_to from books.invoice as i where i.customer_id = c.id) as r on true
left join lateral (
    select min(greatest(s.vended_at, s.recorded_at)) as falls_at
    from books.vend_sale as s
    inner join books.place as p on p.id = s.place_id
    where p.customer_id = c.id and r.date_to is null
) as f on true
where c.billing_calendar <> 'none'
order by c.key;

-- name: untold(actor)
-- Which drafts has the calendar prepared since the operators were told of drafts?
select
    i.id, i.buyer ->> 'key' as customer, i.buyer ->> 'name' as customer_name, i.currency, i.date_from, i.date_to,
    i.sale_rows, i.total_minor
from books.invoice as i
where
    i.state = 'draft' and i.content_hash is not null and i.prepared_by = :actor
    and not exists (
        select from mail.message as m where m.topic like 'invoices_due:%%' and m.queued_at >= i.prepared_at
    )
order by i.id;
