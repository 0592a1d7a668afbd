-- name: open_books(machines, products)!
-- One customer with many machines at many sites, and products at four tax rates.
with customer as (
    insert into portal.customer (key, name, zone, currency) values ('bench', 'Bench', 'Australia/Sydney', 'AUD')
    returning id, key, name
),

site as (
    insert into portal.site (key, customer_id, name, zone)
    select 'site-' || n, c.id, 'Site ' || n, 'Australia/Sydney'
    from customer as c
    cross join generate_series(1, :machines::int / 5) as n
    returning id, key, customer_id, name
),

product as (
    insert into portal.product (code, name, tax_rate_bp)
    select (1000 + n)::text, 'Product ' || n, (array[0, 700, 1000, 1900])[1 + n %% 4]
    from generate_series(1, :products::int) as n
    returning id, code, name
),

place as (
    insert into books.place (
        equipment_id, asset_no, site_id, site_key, site_name, customer_id, customer_key, customer_name
    )
    select m, 'VM-' || m, s.id, s.key, s.name, c.id, c.key, c.name
    from generate_series(1, :machines::int) as m
    inner join site as s on s.key = 'site-' || 1 + m %% (:machines::int / 5)
    cross join customer as c
),

item as (
    insert into books.item (product_id, code, name) select id, code, name from product
)

insert into books.vendee (consumer_id, customer_id, key, name) select 1, id, 'u1', 'Ann Lee' from customer;

-- name: sell(rows, machines, products)!
-- Sales of June, each machine's in their order; every tenth was vended in May.
insert into books.vend_sale (
    stream_id, seq, import_id, row_no, vended_at, recorded_at, place_id, item_id, vendee_id, selection, quantity,
    unit_price_minor, amount_minor, planogram_price_minor, currency, content_hash
)
select
    1 + n %% :machines::int, n, 1, n,
    '2026-06-02Z'::timestamptz + n * (interval '25 days' / :rows) - (n %% 10 = 0)::int * interval '20 days',
    '2026-06-02Z'::timestamptz + n * (interval '25 days' / :rows),
    p.first + n %% :machines::int, i.first + n %% :products::int, 1, '0001', 1 + n %% 2,
    250 + 10 * (n %% :products::int), (1 + n %% 2) * (250 + 10 * (n %% :products::int)),
    250 + 10 * (n %% :products::int), 'AUD', n
from generate_series(1, :rows::int) as n
cross join (select min(id) as first from books.place) as p
cross join (select min(id) as first from books.item) as i;
