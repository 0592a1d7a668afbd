-- name: create_parsed()#
-- What do the rows say, as values? Unreadable is null.
create or replace view parsed as
with
known as (
    select
        null::varchar as customer_id, null::varchar as add_line_2, null::varchar as add_country,
        null::varchar as phone, null::varchar as currency
    where false
),

sent as (
    select * from known
    union all by name
    select * from archived
),

texts as (
    select
        row_no,
        trimmed(order_id) as order_id_text,
        coalesce(trimmed(lottery), '') as lottery,
        trimmed(draw_no) as draw_no_text,
        trimmed(customer_id) as customer_id,
        trimmed(title) as title,
        nfc_normalize(trimmed(first_name)) as first_name,
        nfc_normalize(trimmed(last_name)) as last_name,
        trimmed(add_unit) as add_unit,
        trimmed(add_street_number) as add_street_number,
        trimmed(add_street_name) as add_street_name,
        trimmed(add_line_1) as add_line_1,
        trimmed(add_line_2) as address_line_2,
        trimmed(add_suburb) as suburb,
        trimmed(add_state) as state,
        trimmed(add_postcode) as postcode,
        trimmed(add_country) as country_text,
        lower(trimmed(email)) as email,
        trimmed(phone) as phone,
        coalesce(trimmed(product), '') as product,
        trimmed(quantity) as quantity_text,
        trimmed(amount) as amount_text,
        trimmed(currency) as currency_text,
        upper(trimmed(payment_type)) as payment_type_text,
        trimmed(payment_ref) as payment_ref,
        trimmed(card_token) as card_token,
        trimmed(sale_date) as sale_date_text
    from sent
)

select
    t.*,
    as_integer(t.order_id_text) as seq,
    as_integer(t.draw_no_text) as draw_no,
    lower(t.draw_no_text) = 'next' as wants_next_draw,
    case when as_integer(t.quantity_text) between 1 and 9999 then as_integer(t.quantity_text)::int end as quantity,
    c.code as given_currency,
    case when t.payment_type_text in ('CASH', 'CC', 'CHQ', 'MO', 'BD') then t.payment_type_text end as payment_type,
    as_day(t.sale_date_text) as sale_day,
    as_instant(t.sale_date_text) as sale_instant,
    case
        when t.country_text is null then getvariable('default_country')
        when list_contains(getvariable('countries'), upper(t.country_text)) then upper(t.country_text)
    end as country
from texts as t
left join currencies as c on c.code = upper(t.currency_text);

-- name: streams_seen()
-- Which lotteries does the file name? ORDER_IDs are unique in a channel's lottery.
select getvariable('channel') as owner, lottery as part, max(seq) as high_water
from parsed
where seq is not null
group by lottery
order by lottery;

-- name: sale_days()
-- Which days without a time does the file name?
select distinct sale_day::varchar from parsed where sale_day is not null;

-- name: customers_seen()
-- Which buyers does the file name?
select distinct customer_id from parsed where length(customer_id) <= 100;

-- name: create_facts()#
-- Everything the rules need to know of a row: the row, its lottery, draw, product, buyer and day.
create or replace view facts as
with
placed as (
    select
        p.*,
        s.stream_id,
        s.high_water,
        l.lottery_id,
        l.currency as lottery_currency,
        coalesce(l.address_format, 'standard') as address_format,
        coalesce(l.address_required, false) as address_required,
        case when p.currency_text is null then l.currency else p.given_currency end as currency
    from parsed as p
    left join streams as s on s.part = p.lottery and p.seq is not null
    left join lotteries as l on l.key = p.lottery
)

select
    f.*,
    d.draw_id,
    d.open_from_us <= getvariable('now_us') and getvariable('now_us') < d.open_until_us as is_open,
    w.draw_product_id,
    w.price_minor,
    b.buyer_id,
    as_minor(f.amount_text, c.exponent) as amount,
    coalesce(f.sale_instant, make_timestamptz(y.start_us)) as sold_at,
    getvariable('now') as now,
    f.email is null or coalesce(f.payment_type = 'BD', false) or f.address_required as needs_address,
    case
        when f.add_line_1 is not null then f.add_line_1
        when f.address_format = 'standard' then concat_ws(' ', f.add_unit, f.add_street_number, f.add_street_name)
    end as street_as_sent,
    case
        when f.add_line_1 is not null or (f.add_street_number is not null and f.add_street_name is not null)
            then street_as_sent
    end as address_line,
    fingerprint(concat_ws(
        chr(31),
        coalesce(f.draw_no::varchar, lower(f.draw_no_text), ''), coalesce(f.customer_id, ''), coalesce(f.title, ''),
        coalesce(f.first_name, ''), coalesce(f.last_name, ''), coalesce(f.add_unit, ''),
        coalesce(f.add_street_number, ''), coalesce(f.add_street_name, ''), coalesce(f.add_line_1, ''),
        coalesce(f.address_line_2, ''), coalesce(f.suburb, ''), coalesce(f.state, ''), coalesce(f.postcode, ''),
        coalesce(f.country_text, ''), coalesce(f.email, ''), coalesce(f.phone, ''), f.product,
        coalesce(f.quantity::varchar, f.quantity_text, ''),
        coalesce(as_number(f.amount_text)::varchar, f.amount_text, ''),
        coalesce(f.currency_text, ''), coalesce(f.payment_type_text, ''), coalesce(f.payment_ref, ''),
        coalesce(f.card_token, ''),
        coalesce(epoch_us(coalesce(f.sale_instant, make_timestamptz(y.start_us)))::varchar, f.sale_date_text, ''),
        case when f.stream_id is null then concat_ws(chr(30), f.lottery, coalesce(f.order_id_text, '')) else '' end
    )) as content_hash
from placed as f
left join currencies as c on c.code = f.currency
left join draws as d
    on d.lottery_id = f.lottery_id
    and (d.draw_no = f.draw_no or (coalesce(f.wants_next_draw, false) and d.is_next))
left join draw_products as w on w.draw_id = d.draw_id and w.product = f.product
left join buyers as b on b.customer_id = f.customer_id
left join days as y on y.day = f.sale_day::varchar;

-- name: create_judged()#
-- Which rules does each row break? One bit a rule, in the catalogue's order.
create or replace table judged as
select
    row_no, stream_id, seq, content_hash, draw_id, draw_product_id, sold_at, quantity,
    coalesce(currency, 'XXX') as currency, address_line,
    case when amount < 1000000000000 then amount else 0 end::bigint as amount_minor,
    high_water,
    {facts_mask} as broken
from facts;

-- name: create_verdicts()#
-- What becomes of each row, and for which reasons? A critical rule is always told, for it refuses the file.
create or replace view verdicts as
select
    *,
    case
        when broken & getvariable('critical') <> 0 then 'exception'
        when is_duplicate then 'duplicate'
        when is_conflict or broken <> 0 then 'exception'
        else 'sale'
    end as verdict,
    case
        when broken & getvariable('critical') <> 0 then broken
        when is_duplicate then 0
        when is_conflict then {standing_mask}
        else broken
    end as reasons
from placed;

-- name: sales(import_id, recorded_at)
-- Which rows are sales? Each brings its payment.
select
    v.stream_id, v.seq, :import_id::int as import_id, v.row_no,
    getvariable('channel_id')::int as channel_id, v.draw_id, v.draw_product_id,
    p.customer_id as buyer_customer_id, p.title, p.first_name, p.last_name,
    v.address_line as address_line_1, p.address_line_2, p.suburb, p.state, p.postcode, p.country,
    p.email, p.phone, v.quantity, v.amount_minor, v.currency, p.payment_type, p.payment_ref, p.card_token,
    v.sold_at, :recorded_at::timestamptz as recorded_at, v.content_hash
from (from verdicts where verdict = 'sale') as v
inner join parsed as p on p.row_no = v.row_no
order by v.stream_id, v.seq;

-- name: exceptions(import_id, recorded_at)
-- Which rows need a person?
select
    :import_id::int as import_id, row_no, 'offline_sales' as kind, reason_codes(reasons) as reasons,
    sold_at as occurred_at, :recorded_at::timestamptz as recorded_at,
    getvariable('channel_id')::int as channel_id, currency, amount_minor
from verdicts
where verdict = 'exception'
order by row_no;
