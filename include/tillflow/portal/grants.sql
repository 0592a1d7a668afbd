-- name: holds(user_name, capabilities, channel, customer)$
-- Does one of the user's grants cover this? A grant without a channel or customer covers every one.
select exists(
    select from portal.operator as o
    left join portal.channel as c on c.id = o.channel_id
    left join portal.customer as m on m.id = o.customer_id
    where
        o.user_name = :user_name
        and o.capability = any(:capabilities)
        and (o.channel_id is null or c.key = :channel)
        and (o.customer_id is null or m.key = :customer)
);

-- name: channels_of(user_name)
-- Which channels are the user's own, and where may they resolve rows?
select
    c.key as channel,
    c.name,
    bool_or(o.capability = 'offline_sales_admin') as may_resolve
from portal.operator as o
inner join portal.channel as c on c.id = o.channel_id
where o.user_name = :user_name
group by c.key, c.name
order by c.name, c.key;

-- name: grants_of(user_name)
-- What was granted to the user, and for which channel or customer?
select o.capability, c.key as channel, m.key as customer
from portal.operator as o
left join portal.channel as c on c.id = o.channel_id
left join portal.customer as m on m.id = o.customer_id
where o.user_name = :user_name
order by o.id;

-- name: customers_of(user_name)
-- For which customers does somebody look after users and access?
select m.key
from portal.operator as o
inner join portal.customer as m on m.id = o.customer_id
where o.user_name = :user_name and o.capability = 'customer_user'
order by m.key;
