-- name: masks()
-- Which reasons does each row have?
select row_no, reasons from verdicts order by row_no;

-- name: sampled_texts(seed, rows)
-- The texts as patterns see them (trimmed), with what the judge made of them: all rows of a small file, of a
-- large one a sample that is the same whenever the file is the same.
with
sampled as (
    select row_no as number, broken, stream_id, seq from judged
    order by hash(row_no::varchar || :seed) limit :rows
),

-- joined before they are trimmed: of the other rows nothing is looked at
texts as (
    select s.number, s.broken, s.stream_id, s.seq, a.* exclude (row_no)
    from archived as a
    inner join sampled as s on s.number = a.row_no
)

select
    t.number as row_no, t.broken, t.stream_id, t.seq,
    (t.stream_id, t.seq) in (select (r.stream_id, r.seq) from repeated as r) as is_repeated,
    trimmed(columns(t.* exclude (number, broken, stream_id, seq))::varchar)
from texts as t
order by t.number;
