-- name: close_exception(import_id, row_no, kind, state, actor, now, reason)$
-- Does it still wait? Then it is closed, once, with who and why.
with closed as (
    update books.exception as x
    set state = :state, closed_at = :now
    where x.import_id = :import_id and x.row_no = :row_no and x.kind = :kind and x.state = 'open'
    returning x.id
),

recorded as (
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, before, after)
    select
        :now, :actor, 'exception', c.id::text, :state, :reason,
        jsonb_build_object('state', 'open'), jsonb_build_object('state', :state::text)
    from closed as c
    returning id
)

select count(*) from recorded;

-- name: state_of(import_id, row_no)$
select x.state from books.exception as x where x.import_id = :import_id and x.row_no = :row_no;
