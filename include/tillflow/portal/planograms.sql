-- What a machine sells, where, for how much, and since when.

-- name: judge_products(absent)!
-- What does each row make of its product?
insert into change (file, row_no, key, before, after)
select
    'products',
    s.row_no,
    array[s.product],
    p.record,
    pg_temp.merged(p.record, to_jsonb(s), :absent)
from staged_products as s
left join (
    select
        code,
        jsonb_build_object(
            'product', code, 'name', name, 'tax_rate', round(tax_rate_bp / 100.0, 2),
            'not_invoiced_from', not_invoiced_from
        ) as record
    from portal.product
) as p on p.code = s.product
where s.product is not null;

-- name: write_products()!
-- Which products are new or changed?
insert into portal.product (code, name, tax_rate_bp, not_invoiced_from)
select
    after ->> 'product',
    after ->> 'name',
    ((after ->> 'tax_rate')::numeric * 100)::int,
    (after ->> 'not_invoiced_from')::timestamptz
from change
where file = 'products' and before is distinct from after
order by row_no
on conflict (code) do update
set
    name = excluded.name,
    tax_rate_bp = excluded.tax_rate_bp,
    not_invoiced_from = excluded.not_invoiced_from;

-- name: check_planograms()!
-- Which rows name an unknown machine or product, or a price finer than the currency?
insert into file_error (file, row_no, column_name, code, message, refers_to)
select
    'planograms',
    s.row_no,
    'equipment',
    'unknown_reference',
    'there is no equipment "' || s.equipment || '"',
    'equipment'
from staged_planograms as s
where s.equipment is not null and not exists (select from known_equipment as k where k.asset_no = s.equipment)
union all
select
    'planograms',
    s.row_no,
    'product',
    'unknown_reference',
    'there is no product "' || s.product || '"',
    'products'
from staged_planograms as s
where s.product is not null and not exists (select from known_products as k where k.code = s.product)
union all
select
    'planograms',
    s.row_no,
    'price',
    'bad_value',
    '"' || s.price || '" has more decimal places than ' || s.currency || ' (' || e.places || ')',
    null
from staged_planograms as s
inner join exponent as e on e.currency = s.currency
where s.price is not null and pg_temp.minor(s.price, e.places) is null;

-- name: date_planograms(zone)!
-- Which instants do the dates mean? A day is one of the site that hosts the machine on that day, else
-- of the machine's first site, else of the given zone.
with written as (
    select
        equipment,
        valid_from as day
    from staged_planograms
    where valid_from is not null
    union
    select
        equipment,
        valid_to
    from staged_planograms
    where valid_to is not null
),

hosted as (
    select
        a.equipment_id,
        a.valid,
        t.zone
    from portal.allocation as a
    inner join portal.site as t on t.id = a.site_id
),

instants as (
    select
        w.equipment,
        w.day,
        e.id as equipment_id,
        case
            when length(w.day) > 10 then w.day::timestamptz
            else pg_temp.first_instant(
                w.day::date,
                coalesce(
                    (
                        select h.zone
                        from hosted as h
                        where
                            h.equipment_id = e.id
                            and h.valid && tstzrange(
                                pg_temp.first_instant(w.day::date, h.zone),
                                pg_temp.first_instant(w.day::date + 1, h.zone)
                            )
                        order by lower(h.valid) desc
                        limit 1
                    ),
                    (
                        select h.zone
                        from hosted as h
                        where h.equipment_id = e.id
                        order by lower(h.valid)
                        limit 1
                    ),
                    :zone
                )
            )
        end as instant
    from written as w
    inner join portal.equipment as e on e.asset_no = w.equipment
)

update staged_planograms as s
set equipment_id = b.equipment_id, starts = b.instant, ends = coalesce(n.instant, 'infinity')
from staged_planograms as w
inner join instants as b on b.equipment = w.equipment and b.day = w.valid_from
left join instants as n on n.equipment = w.equipment and n.day = w.valid_to
where s.row_no = w.row_no;

-- name: agree_planograms()!
-- Which rows of a version name another end than its first row, or a selection for the second time?
insert into file_error (file, row_no, column_name, code, message)
with dated as (
    select
        s.row_no,
        s.equipment_id,
        s.starts,
        s.selection,
        case
            when not exists (
                select from file_error as f
                where f.file = 'planograms' and f.row_no = s.row_no and f.column_name = 'valid_to'
            ) then s.ends
        end as ends
    from staged_planograms as s
    where s.starts is not null
),

named as (
    select
        row_no,
        selection,
        ends,
        min(row_no) over version as first_row,
        first_value(ends) over (version order by row_no) as first_ends,
        min(row_no) over (partition by equipment_id, starts, selection) as first_named
    from dated
    window version as (partition by equipment_id, starts)
)

select
    'planograms',
    row_no,
    'valid_to',
    'bad_value',
    'the planogram of row ' || first_row || ' lasts to ' || pg_temp.said(first_ends) || ', this row of it to '
    || pg_temp.said(ends)
from named
where ends <> first_ends
union all
select
    'planograms',
    row_no,
    'selection',
    'duplicate_row',
    'the selection "' || selection || '" of this planogram is already in row ' || first_named
from named
where row_no > first_named;

-- name: arrive_planograms()!
-- From when to when is each version in force? The period has the row number of its first row.
insert into arriving (file, row_no, owner, starts, ends)
select distinct on (s.equipment_id, s.starts)
    'planograms',
    s.row_no,
    s.equipment_id,
    s.starts,
    s.ends
from staged_planograms as s
where
    s.starts is not null
    and not exists (select from file_error as f where f.file = 'planograms' and f.row_no = s.row_no)
order by s.equipment_id, s.starts, s.row_no;

-- name: meet_planograms(absent)!
-- Which periods are stored of the same owners? Those with the same beginning are the same.
insert into period (file, row_no, stored_id, owner, starts, ends, stored_ends)
with stored as (
    select
        id,
        equipment_id as owner,
        lower(valid) as starts,
        coalesce(upper(valid), 'infinity') as ends
    from portal.planogram
    where equipment_id in (select owner from arriving where file = 'planograms')
)

select
    'planograms',
    a.row_no,
    s.id,
    owner,
    starts,
    case when a.row_no is null or (s.id is not null and 'valid_to' = any(:absent)) then s.ends else a.ends end,
    s.ends
from (select * from arriving where file = 'planograms') as a
full join stored as s using (owner, starts);

-- name: judge_planograms()!
-- What becomes of each selection: named by a row, missing in its version's rows, or of a version that a
-- later one ends?
insert into change (file, row_no, key, before, after, reason)
with stored as (
    select
        x.planogram_id,
        x.code,
        jsonb_build_object('selection', x.code, 'product', p.code, 'price_minor', x.price_minor, 'currency', x.currency)
            as record
    from portal.selection as x
    inner join portal.product as p on p.id = x.product_id
    where x.planogram_id in (select stored_id from period where file = 'planograms')
),

versions as (
    select
        p.row_no,
        p.stored_id,
        p.owner,
        p.starts,
        array[e.asset_no, pg_temp.said(p.starts)] as key,
        jsonb_build_object(
            'equipment', e.asset_no, 'valid_from', p.starts, 'valid_to', nullif(p.stored_ends, 'infinity')
        ) as before,
        jsonb_build_object(
            'equipment', e.asset_no, 'valid_from', p.starts, 'valid_to', nullif(p.ends, 'infinity')
        ) as after
    from period as p
    inner join portal.equipment as e on e.id = p.owner
    where p.file = 'planograms'
)

select
    'planograms',
    s.row_no,
    v.key || s.selection,
    v.before || x.record,
    v.after || jsonb_build_object(
        'selection', s.selection, 'product', s.product,
        'price_minor', pg_temp.minor(s.price, e.places), 'currency', s.currency
    ),
    null
from staged_planograms as s
inner join versions as v on v.owner = s.equipment_id and v.starts = s.starts and v.row_no is not null
left join exponent as e on e.currency = s.currency
left join stored as x on x.planogram_id = v.stored_id and x.code = s.selection
union all
select
    'planograms',
    null,
    v.key || x.code,
    v.before || x.record,
    null,
    'not among the selections of its planogram any more'
from versions as v
inner join stored as x on x.planogram_id = v.stored_id
where
    v.row_no is not null
    and not exists (
        select from staged_planograms as s
        where s.equipment_id = v.owner and s.starts = v.starts and s.selection = x.code
    )
union all
select
    'planograms',
    null,
    v.key,
    v.before,
    v.after,
    'ended because the next period begins'
from versions as v
where v.row_no is null and v.before <> v.after;

-- name: extend_planograms()!
-- Which stored versions end at another time? Beginnings never move, so this cannot overlap anything on
-- the way.
update portal.planogram as g
set valid = tstzrange(p.starts, nullif(p.ends, 'infinity'))
from period as p
where p.file = 'planograms' and p.stored_id = g.id and p.ends <> p.stored_ends;

-- name: add_planograms()!
-- Which versions are new?
insert into portal.planogram (equipment_id, valid)
select
    owner,
    tstzrange(starts, nullif(ends, 'infinity'))
from period
where file = 'planograms' and stored_id is null
order by row_no;

-- name: clear_planograms()!
-- Which stored selections are not in the rows of their version any more?
delete from portal.selection as x
using period as p
where
    p.file = 'planograms' and p.row_no is not null and x.planogram_id = p.stored_id
    and not exists (
        select from staged_planograms as s
        where s.equipment_id = p.owner and s.starts = p.starts and s.selection = x.code
    );

-- name: fill_planograms()!
-- Which selections are new or changed?
insert into portal.selection (planogram_id, code, product_id, price_minor, currency)
select
    g.id,
    s.selection,
    p.id,
    pg_temp.minor(s.price, e.places),
    s.currency
from change as c
inner join staged_planograms as s on s.row_no = c.row_no
inner join portal.planogram as g on g.equipment_id = s.equipment_id and lower(g.valid) = s.starts
inner join portal.product as p on p.code = s.product
inner join exponent as e on e.currency = s.currency
where c.file = 'planograms' and c.before is distinct from c.after
order by c.row_no
on conflict (planogram_id, code) do update
set product_id = excluded.product_id, price_minor = excluded.price_minor, currency = excluded.currency;
