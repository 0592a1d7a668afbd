-- name: create_macros()#
-- A value of 13 characters or more may hold a card number; an ISO timestamp of usual length does not.
create or replace macro guarded(value) as
case
    when
        strlen(value) > 12
        and not (value like '____-__-__T__:__:__%' and strlen(value) <= 32)
        and regexp_matches(value, '(\p{Nd}[\s\p{Z}\p{Pd}]*){13}')
        then redacted(value)
    else value
end;

-- name: set_pin_hashes()#
-- The hashes of all PINs of four digits, in the order of the PINs.
set variable pin_hashes = (select list(hash::uuid order by pin) from four_digits);

-- name: create_pin_macro()#
-- The first 128 bits of HMAC-SHA-256. Most PINs have four digits: those are looked up, not computed.
create or replace macro keyed_hash(pin) as
case
    when strlen(pin) = 4 and pin ~ '^[0-9]+$' then getvariable('pin_hashes')[pin::int + 1]
    when pin <> ''
        then substr(sha256(
            getvariable('outer_key') || unhex(sha256(getvariable('inner_key') || encode(pin)))
        ), 1, 32)::uuid
end;

-- name: from_csv(path, delimiter, columns)
-- Which rows does the CSV hold, every value as text?
select * from read_csv(
    :path, auto_detect = false, header = true, strict_mode = true, delim = :delimiter,
    quote = '"', escape = '"', columns = :columns, max_line_size = 2100000
);

-- name: from_json_lines(path, known)
-- Which objects does the file hold? Keys are compared without case; what is not known goes to `extra`.
with
entries as (
    select
        list_transform(
            map_entries(from_json(
                if(json_type(json) = 'OBJECT', json, error('no JSON object')), '"MAP(VARCHAR, VARCHAR)"'
            )),
            lambda entry: {'name': lower(trim(entry.key)), 'value': entry.value}
        ) as entries
    from read_ndjson_objects(:path, maximum_object_size = 2100000)
),

fields as (
    select
        map_from_entries(entries) as field,
        map_from_entries(list_filter(entries, lambda entry: not list_contains(:known, entry.name))) as others
    from entries
)

select
    {columns},
    case when cardinality(others) > 0 then to_json(others)::varchar end as extra
from fields;

-- name: write_sanitised(target)!
-- The rows as they may be kept: no card number in any value. Small row groups let the engine write with all
-- its threads in little memory.
copy (select guarded(columns(*)) from raw)
to :target (format parquet, compression snappy, row_group_size 40960);

-- name: write_sanitised_with_pin(target)!
-- The rows as they may be kept: no card number in any value, and of the PIN its keyed hash.
copy (
    select guarded(columns(raw.* exclude (pin))), keyed_hash(trim(pin, ' ' || chr(9) || chr(160))) as pin_hash from raw
) to :target (format parquet, compression snappy, row_group_size 40960);

-- name: places_of(path, value)
-- In which columns and rows (counted from 0) does a value stand?
from (
    unpivot (
        select file_row_number as place, columns(* exclude (file_row_number))::varchar
        from read_parquet(:path, file_row_number = true)
    )
    on columns(* exclude (place)) into name column_name value found
)
select place::int as row_index, column_name
where found = :value
order by row_index, column_name
limit 1000;
