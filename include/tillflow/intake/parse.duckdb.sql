-- name: create_parsers()#
-- How a text becomes a value; null where it cannot be read. Shapes first, for the casts are too kind:
-- they take signs, blanks, `1e3`, infinity and the 24th hour.
create or replace macro trimmed(value) as nullif(trim(value, ' ' || chr(9) || chr(160)), '');

create or replace macro as_integer(value) as
case when regexp_full_match(value, '[0-9]{1,15}') then value::bigint end;

create or replace macro as_instant(value) as
case
    when regexp_full_match(
        value,
        '[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?'
        || '(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])'
    ) then try_cast(value as timestamptz)
end;

create or replace macro as_day(value) as
case when regexp_full_match(value, '[12][0-9]{3}-[0-9]{2}-[0-9]{2}') then try_cast(value as date) end;

create or replace macro as_minor(value, exponent) as
case
    when
        regexp_full_match(value, '[0-9]{1,12}(\.[0-9]{1,4})?')
        and if(contains(value, '.'), strlen(value) - instr(value, '.'), 0) <= exponent
        then
            replace(value, '.', '')::bigint
            * [1, 10, 100, 1000, 10000][
                1 + exponent - if(contains(value, '.'), strlen(value) - instr(value, '.'), 0)
            ]
end;

create or replace macro as_number(value) as
case when regexp_full_match(value, '[0-9]{1,12}(\.[0-9]{1,9})?') then value::decimal(21, 9) end;

create or replace macro as_flag(value) as
case
    when value is null then false
    when lower(value) in ('1', 'true', 't', 'yes', 'y') then true
    when lower(value) in ('0', 'false', 'f', 'no', 'n') then false
end;

-- 60 bits of SHA-256: stable over versions of the engine, and cheap to compare.
create or replace macro fingerprint(content) as ('0x' || substr(sha256(content), 1, 15))::bigint;
