-- name: open_shop()#
-- A lottery with an open draw, and an import that orders belong to.
with channel as (
    insert into portal.channel (key, name, zone) values ('bench', 'Bench', 'UTC') returning id
),

lottery as (
    insert into portal.lottery (key, name, currency) values ('bench', 'Bench', 'AUD') returning id
),

draw as (
    insert into portal.draw (lottery_id, draw_no, open_during)
    select id, 1, tstzrange('2020-01-01Z', '2100-01-01Z') from lottery
    returning id
),

product as (
    insert into portal.draw_product (draw_id, product, name, price_minor) select id, 'T1', 'Ticket', 500 from draw
)

insert into intake.import (
    kind, channel_id, file_name, uploader, source, source_version, sha256, size_bytes, received_at, booked_at,
    archive_path
)
select
    'offline_sales', id, 'bench.csv', 'bench', 'bench', '1', repeat('0', 64), 1, now(), now(), 'bench'
from channel;

-- name: sell(first, last, token, now)!
-- Orders that are due; each has a card of its own.
insert into books.offline_sale (
    stream_id, seq, import_id, row_no, channel_id, draw_id, draw_product_id, first_name, last_name, country, email,
    quantity, amount_minor, currency, payment_type, card_token, sold_at, recorded_at, content_hash
)
select
    1, o, 1, o + 1, 1, 1, 1, 'Ada', 'Li', 'AU', 'buyer' || o || '@example.com', 1, 500, 'AUD', 'CC',
    :token || '-' || o, :now, :now, o
from generate_series(:first::int, :last::int) as o;
