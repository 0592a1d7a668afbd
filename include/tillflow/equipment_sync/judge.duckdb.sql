-- name: create_parsed()#
-- What do the rows say, as values? Unreadable is null; `seq`, `vended_at` and the rest as in the rules.
create or replace view parsed as
with
known as (
    select
        null::varchar as boot_id, null::varchar as product_code, null::varchar as quantity,
        null::varchar as card_no, null::varchar as facility_id, null::varchar as access_code,
        null::uuid as pin_hash, null::varchar as accept_any_card, null::varchar as override_facility,
        null::varchar as meter, null::varchar as board_id, null::timestamptz as latest_vend
    where false
),

sent as (
    select * from known
    union all by name
    select * from archived
),

trimmed_texts as (
    select
        row_no,
        trimmed(equipment) as equipment,
        coalesce(trimmed(boot_id), '') as boot_id,
        trimmed(txn_seq) as txn_seq_text,
        trimmed(vended_at) as vended_at_text,
        trimmed(selection) as selection,
        trimmed(product_code) as product_code,
        trimmed(quantity) as quantity_text,
        trimmed(unit_price) as unit_price_text,
        trimmed(currency) as currency_text,
        trimmed(card_no) as card_no,
        coalesce(trimmed(facility_id), '') as facility_id,
        trimmed(access_code) as access_code,
        pin_hash,
        lower(trimmed(result)) as result_text,
        trimmed(accept_any_card) as accept_any_card_text,
        trimmed(override_facility) as override_facility_text,
        trimmed(meter) as meter_text,
        coalesce(trimmed(board_id), '') as board_id,
        -- a file is received in one moment; rows that are judged again bring that of theirs
        coalesce(latest_vend, getvariable('latest_vend')) as latest_vend
    from sent
)

select
    t.*,
    as_integer(t.txn_seq_text) as seq,
    as_instant(t.vended_at_text) as vended_at,
    case
        when t.quantity_text is null then 1
        when as_integer(t.quantity_text) between 1 and 9999 then as_integer(t.quantity_text)::int
    end as quantity,
    c.code as currency,
    as_minor(t.unit_price_text, c.exponent) as unit_price_minor,
    case when t.result_text in ('vend', 'test', 'free', 'failed', 'refund') then t.result_text end as result,
    as_flag(t.accept_any_card_text) as accept_any_card,
    as_flag(t.override_facility_text) as override_facility
from trimmed_texts as t
left join currencies as c on c.code = upper(t.currency_text);

-- name: streams_seen()
-- Which sequences of running numbers does the file hold?
select equipment as owner, boot_id as part, max(seq) as high_water
from parsed
where seq is not null and length(equipment) <= 40 and length(boot_id) <= 40
group by equipment, boot_id
order by equipment, boot_id;

-- name: equipment_seen()
-- Which machines does the file name?
select distinct trimmed(equipment) as equipment from archived where length(trimmed(equipment)) <= 40;

-- name: unreadable()
-- Which of the rules that need nothing but the row does each row break?
select row_no, {mask} as broken from parsed;

-- name: create_identities()#
-- How do the users show themselves: by card and facility, or by access code and PIN?
create or replace table cards as
select customer_id, card_no, facility_id, consumer_id, vendee_id, is_consumer
from consumers where card_no is not null;

create or replace table codes as
select customer_id, access_code, pin_hash::uuid as pin_hash, consumer_id, vendee_id, is_consumer
from consumers where access_code is not null;

-- name: create_facts()#
-- Everything the rules need to know of a row: the row, and the portal data in force at its own time.
create or replace view facts as
select
    p.*,
    s.stream_id,
    s.high_water,
    e.equipment_id,
    make_timestamptz(e.first_allocated_us) as first_allocated_at,
    a.place_id,
    a.customer_id,
    a.site_id,
    i.item_id,
    i.price_minor as planogram_price_minor,
    coalesce(by_card.consumer_id, by_code.consumer_id) as consumer_id,
    coalesce(by_card.vendee_id, by_code.vendee_id) as vendee_id,
    coalesce(by_card.is_consumer, by_code.is_consumer) as is_consumer,
    x.consumer_id is not null as has_access,
    fingerprint(concat_ws(
        chr(31),
        coalesce(epoch_us(p.vended_at)::varchar, p.vended_at_text, ''),
        coalesce(p.selection, ''),
        coalesce(p.product_code, ''),
        coalesce(p.quantity::varchar, p.quantity_text),
        coalesce(p.unit_price_minor::varchar, p.unit_price_text, ''),
        coalesce(p.currency, p.currency_text, ''),
        coalesce(p.card_no, ''),
        p.facility_id,
        coalesce(p.access_code, ''),
        coalesce(p.pin_hash::varchar, ''),
        coalesce(p.result_text, ''),
        coalesce(p.accept_any_card::varchar, p.accept_any_card_text),
        coalesce(p.override_facility::varchar, p.override_facility_text),
        case when s.stream_id is null
            then concat_ws(chr(30), coalesce(p.equipment, ''), p.boot_id, coalesce(p.seq::varchar, p.txn_seq_text, ''))
        end
    )) as content_hash
from parsed as p
left join streams as s
    on s.owner = p.equipment and s.part = p.boot_id and p.seq is not null
left join equipment as e
    on e.asset_no = p.equipment
left join allocations as a
    on a.equipment_id = e.equipment_id
    and a.from_us <= epoch_us(p.vended_at) and epoch_us(p.vended_at) < a.until_us
left join selections as i
    on i.equipment_id = e.equipment_id and i.selection = p.selection
    and i.from_us <= epoch_us(p.vended_at) and epoch_us(p.vended_at) < i.until_us
    and (p.product_code is null or i.product_code = p.product_code)
left join cards as by_card
    on by_card.customer_id = a.customer_id and by_card.card_no = p.card_no
    and by_card.facility_id = case when p.override_facility then '0' when not p.override_facility then p.facility_id end
left join codes as by_code
    on p.card_no is null
    and by_code.customer_id = a.customer_id and by_code.access_code = p.access_code
    and by_code.pin_hash = p.pin_hash
left join access as x
    on x.consumer_id = coalesce(by_card.consumer_id, by_code.consumer_id)
    and x.equipment_id = e.equipment_id
    and x.from_us <= epoch_us(p.vended_at) and epoch_us(p.vended_at) < x.until_us;

-- name: create_judged()#
-- Which rules does each row break? One bit a rule, in the catalogue's order. Narrow on purpose: this is
-- the only copy of the rows that is held.
create or replace table judged as
select
    row_no, stream_id, seq, content_hash,
    result,
    vended_at, place_id, item_id, vendee_id, selection, equipment_id, site_id, customer_id,
    quantity, unit_price_minor, planogram_price_minor,
    coalesce(currency, 'XXX') as currency,
    case
        when quantity * unit_price_minor < 1000000000000
            then quantity * unit_price_minor * if(result = 'refund', -1, 1)
        else 0
    end as amount_minor,
    high_water,
    {facts_mask} as broken
from facts;

-- name: create_verdicts()#
-- What becomes of each row, and for which reasons? In this order: seen before, contradicts, cannot be
-- read, is not billable, breaks a rule, is a sale.
create or replace view verdicts as
select
    *,
    case
        when is_duplicate then 'duplicate'
        when is_conflict or broken & getvariable('unreadable') <> 0 then 'exception'
        when result in ('test', 'free', 'failed') then 'not_billable'
        when broken <> 0 then 'exception'
        else 'sale'
    end as verdict,
    case
        when is_duplicate then 0
        when is_conflict then {standing_mask}
        when result in ('test', 'free', 'failed') and broken & getvariable('unreadable') = 0 then 0
        else broken
    end as reasons
from placed;

-- name: sales(import_id, recorded_at)
-- Which rows are sales, in the order of the books' index? A refund counts backwards.
select
    stream_id, seq, :import_id::int as import_id, row_no, vended_at,
    :recorded_at::timestamptz as recorded_at, place_id, item_id, vendee_id, selection,
    quantity * if(result = 'refund', -1, 1) as quantity,
    unit_price_minor, amount_minor, planogram_price_minor, currency, content_hash
from verdicts
where verdict = 'sale'
order by stream_id, seq;

-- name: exceptions(import_id, recorded_at)
-- Which rows need a person, where and when did they happen?
select
    :import_id::int as import_id, v.row_no, 'equipment_sync' as kind,
    reason_codes(v.reasons) as reasons, v.vended_at as occurred_at,
    :recorded_at::timestamptz as recorded_at, trimmed(a.equipment) as asset_no, v.equipment_id,
    v.site_id, v.customer_id, v.currency, v.amount_minor
from verdicts as v
inner join archived as a on a.row_no = v.row_no
where v.verdict = 'exception'
order by v.row_no;

-- name: readings(import_id)
-- Which counters of the selections were read, by the rows that stand for their number? Null: it cannot be read.
select
    v.stream_id, v.seq, :import_id::int as import_id, v.row_no, v.selection, left(p.board_id, 40) as board_id,
    case when length(p.board_id) <= 40 then as_integer(p.meter_text) end as meter
from verdicts as v
inner join parsed as p on p.row_no = v.row_no
where
    p.meter_text is not null and v.stream_id is not null and v.selection is not null
    and not v.is_duplicate and not v.is_conflict
order by v.stream_id, v.selection, v.seq;
