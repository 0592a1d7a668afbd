-- Every record of portal data under the names of its file's columns, and in the types that the judges give them.
-- `id` is the stored row's; `priced_in` says the currency where the file does not. A viewer (customers' keys; null:
-- everybody's) is shown what is theirs; the tables that are nobody's are kept from them elsewhere.

-- name: channels()
-- Where do offline sales come from?
select
    id,
    key as channel,
    name,
    zone,
    max_row_errors
from portal.channel;

-- name: lotteries()
-- What is sold offline?
select
    id,
    key as lottery,
    name,
    currency,
    address_format,
    address_required,
    active
from portal.lottery;

-- name: draws()
-- Which draws has each lottery?
select
    d.id,
    l.key as lottery,
    d.draw_no,
    lower(d.open_during) as opens_at,
    upper(d.open_during) as closes_at,
    d.max_entries
from portal.draw as d
inner join portal.lottery as l on l.id = d.lottery_id;

-- name: draw_products()
-- What does each draw sell?
select
    p.id,
    l.currency as priced_in,
    l.key as lottery,
    d.draw_no,
    p.product,
    p.name,
    p.price_minor,
    p.entries
from portal.draw_product as p
inner join portal.draw as d on d.id = p.draw_id
inner join portal.lottery as l on l.id = d.lottery_id;

-- name: buyers()
-- Who buys? Whoever gave neither number nor address is nobody that could be found again.
select
    id,
    customer_id,
    email,
    first_name,
    last_name
from portal.buyer
where customer_id is not null or email is not null;

-- name: customers(viewer)
-- Who is invoiced?
select
    id,
    key as customer,
    name,
    zone,
    currency,
    billing_email,
    address_line_1,
    address_line_2,
    city,
    region,
    postcode,
    country,
    tax_id,
    payment_days,
    approval_limit_minor,
    billing_calendar,
    billing_from
from portal.customer
where :viewer::text[] is null or key = any(:viewer);

-- name: provider()
-- Who invoices?
select
    id,
    key as provider,
    name,
    address_line_1,
    address_line_2,
    city,
    region,
    postcode,
    country,
    tax_id,
    registration_id,
    email,
    phone,
    electronic_address,
    electronic_scheme,
    payment_account,
    logo,
    invoice_prefix,
    credit_prefix
from portal.provider;

-- name: sites(viewer)
-- Where do machines stand?
select
    s.id,
    s.key as site,
    c.key as customer,
    s.name,
    s.zone
from portal.site as s
inner join portal.customer as c on c.id = s.customer_id
where :viewer::text[] is null or c.key = any(:viewer);

-- name: equipment(viewer)
-- Which machines are there? A viewer sees those that stand, stood or will stand with them.
select
    e.id,
    e.asset_no as equipment,
    e.name,
    e.silent_after_hours
from portal.equipment as e
where
    :viewer::text[] is null
    or exists (
        select from portal.allocation as a
        inner join portal.site as s on s.id = a.site_id
        inner join portal.customer as c on c.id = s.customer_id
        where a.equipment_id = e.id and c.key = any(:viewer)
    );

-- name: allocations(viewer)
-- Which machine stands where, and when?
select
    a.id,
    e.asset_no as equipment,
    s.key as site,
    lower(a.valid) as valid_from,
    upper(a.valid) as valid_to
from portal.allocation as a
inner join portal.equipment as e on e.id = a.equipment_id
inner join portal.site as s on s.id = a.site_id
inner join portal.customer as c on c.id = s.customer_id
where :viewer::text[] is null or c.key = any(:viewer);

-- name: products()
-- What do machines sell?
select
    id,
    code as product,
    name,
    round(tax_rate_bp / 100.0, 2) as tax_rate,
    not_invoiced_from
from portal.product;

-- name: planograms(viewer)
-- Which selection of which machine is which product, since when? A viewer sees the versions of the time in which the
-- machine stands with them.
select
    g.id,
    e.asset_no as equipment,
    lower(g.valid) as valid_from,
    upper(g.valid) as valid_to,
    x.code as selection,
    p.code as product,
    x.price_minor,
    x.currency
from portal.selection as x
inner join portal.planogram as g on g.id = x.planogram_id
inner join portal.equipment as e on e.id = g.equipment_id
inner join portal.product as p on p.id = x.product_id
where
    :viewer::text[] is null
    or exists (
        select from portal.allocation as a
        inner join portal.site as s on s.id = a.site_id
        inner join portal.customer as c on c.id = s.customer_id
        where a.equipment_id = g.equipment_id and a.valid && g.valid and c.key = any(:viewer)
    );

-- name: users(viewer)
-- Who may vend? The PIN's hash is here for the token alone.
select
    u.id,
    c.key as customer,
    u.key as "user",
    u.name,
    u.email,
    u.role,
    u.card_no,
    u.facility_id,
    u.access_code,
    u.pin_hash as pin
from portal.consumer as u
inner join portal.customer as c on c.id = u.customer_id
where :viewer::text[] is null or c.key = any(:viewer);

-- name: access(viewer)
-- Who may vend at which machine, and when?
select
    a.id,
    c.key as customer,
    u.key as "user",
    e.asset_no as equipment,
    lower(a.valid) as valid_from,
    upper(a.valid) as valid_to
from portal.access as a
inner join portal.consumer as u on u.id = a.consumer_id
inner join portal.customer as c on c.id = u.customer_id
inner join portal.equipment as e on e.id = a.equipment_id
where :viewer::text[] is null or c.key = any(:viewer);

-- name: operators()
-- Who of the operators may do what?
select
    o.id,
    o.user_name,
    o.capability,
    c.key as channel,
    m.key as customer
from portal.operator as o
left join portal.channel as c on c.id = o.channel_id
left join portal.customer as m on m.id = o.customer_id;
