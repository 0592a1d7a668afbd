-- name: masks()
-- Which reasons does each row have?
select row_no, reasons from verdicts order by row_no;

-- name: sampled_texts(seed, rows)
-- The texts as patterns see them (trimmed), with what the judge made of them: all rows of a small file, of a
-- large one a sample that is the same whenever the file is the same.
with
sampled as (
    select * from judged
    order by hash(row_no::varchar || :seed) limit :rows
)

select
    j.row_no, j.broken, j.stream_id, j.seq,
    (j.stream_id, j.seq) in (select (r.stream_id, r.seq) from repeated as r) as is_repeated,
    a.* exclude (number)
from sampled as j
inner join (
    select row_no as number, trimmed(columns(* exclude (row_no))::varchar) from archived
) as a on a.number = j.row_no
order by j.row_no;
