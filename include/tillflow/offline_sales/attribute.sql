-- name: waiting_draws(import_id)
-- In which draws do paid sales wait for their product?
select distinct s.draw_id
from books.payment as p
inner join books.offline_sale as s on s.stream_id = p.stream_id and s.seq = p.seq
where p.product_state in ('pending', 'stuck') and (:import_id::int is null or p.import_id = :import_id)
order by s.draw_id;

-- name: add_counters(draws)!
-- Draws that give their first entry.
insert into books.draw_counter (draw_id)
select d.draw_id from unnest(:draws::int[]) as d (draw_id)
order by d.draw_id
on conflict do nothing;

-- name: lock_counters(draws)
-- Whoever holds the counter of a draw gives its entries; the other waits, so that no number is left out.
select c.draw_id from books.draw_counter as c
where c.draw_id = any(:draws)
order by c.draw_id
for update;

-- name: make_line()#
-- Where the orders of one batch wait, with the planner told how many there are: it takes a freshly booked import
-- for empty, and would compare every order with every buyer.
create temp table if not exists in_line (
    payment_id bigint not null,
    draw_id int not null,
    -- what is taken of the draw up to and with this order
    last_entry bigint,
    entries bigint,
    problem text,
    fits boolean not null,
    buyer_id int,
    is_known_by_post boolean not null,
    -- where the buyer is known by it
    email text,
    first_name text not null,
    last_name text not null,
    paid_at timestamptz not null
) on commit delete rows;
-- a batch before this one, where a caller has put both into one transaction
delete from in_line;

-- name: place(draws, import_id, most)!
-- Who is next, in the order of payment, and which entries are theirs? A buyer is found by CUSTOMER_ID where one is
-- given, else by e-mail address among those without one, else made; a buyer with an address alone is always made.
insert into in_line (
    payment_id, draw_id, last_entry, entries, problem, fits, buyer_id, is_known_by_post, email, first_name, last_name,
    paid_at
)
with waiting as (
    select
        p.id as payment_id,
        p.paid_at,
        s.draw_id,
        n.entries,
        b.id as buyer_id,
        s.buyer_customer_id is null and s.email is null as is_known_by_post,
        case when s.buyer_customer_id is null then s.email end as email,
        s.first_name,
        s.last_name,
        c.next_entry,
        d.max_entries,
        j.problem
    from books.payment as p
    inner join books.offline_sale as s on s.stream_id = p.stream_id and s.seq = p.seq
    inner join books.draw_counter as c on c.draw_id = s.draw_id
    left join portal.draw as d on d.id = s.draw_id
    left join portal.draw_product as w on w.id = s.draw_product_id
    left join portal.buyer as b on b.customer_id = s.buyer_customer_id
    cross join lateral (select s.quantity::bigint * w.entries as entries) as n
    cross join lateral (
        select
            case
                when not coalesce(d.open_during @> p.paid_at, false) then 'draw_closed'
                when w.id is null then 'unknown_product'
                when s.buyer_customer_id is not null and b.id is null then 'unknown_customer'
                when c.next_entry - 1 + n.entries > d.max_entries then 'draw_sold_out'
            end as problem
    ) as j
    where
        p.product_state in ('pending', 'stuck') and s.draw_id = any(:draws)
        and (:import_id::int is null or p.import_id = :import_id)
        -- what is stuck, and still has its problem, stands in nobody's way
        and (p.product_state = 'pending' or j.problem is distinct from p.product_problem)
    order by p.paid_at, p.id
    limit :most
    for update of p skip locked
),

placed as (
    select
        w.*,
        case
            when w.problem is null
                then w.next_entry - 1 + sum(w.entries) over (
                    partition by w.draw_id, w.problem is null order by w.paid_at, w.payment_id
                )
        end as last_entry
    from waiting as w
)

-- Once one order does not fit behind those before it, no later one of this batch does, so that the numbers have
-- no gap. The next batch finds it too big for what is left, and a smaller one may still fit.
select
    payment_id,
    draw_id,
    last_entry,
    entries,
    problem,
    problem is null and (max_entries is null or last_entry <= max_entries) as fits,
    buyer_id,
    is_known_by_post,
    email,
    first_name,
    last_name,
    paid_at
from placed;

-- name: analyze_line()#
analyze in_line;

-- name: make_buyers_by_email(now, actor)!
-- Whose e-mail address is new? The update waits for another caller who makes the same buyer in this moment. In the
-- order of the addresses, as portal data are written: two who make the same buyers wait for each other, not both.
with strangers as (
    select distinct on (f.email) f.email, f.first_name, f.last_name
    from in_line as f
    where
        f.fits and f.email is not null
        and not exists (select from portal.buyer as b where b.customer_id is null and b.email = f.email)
    order by f.email, f.paid_at, f.payment_id
),

met as (
    insert into portal.buyer (email, first_name, last_name)
    select email, first_name, last_name from strangers
    order by email
    on conflict (email) where customer_id is null do update set email = excluded.email
    returning email, first_name, last_name, xmax = 0 as is_new
)

insert into history.event (happened_at, actor, subject, subject_key, action, after)
select
    :now, :actor, 'portal.buyers', 'email/' || email, 'added',
    jsonb_build_object('customer_id', null, 'email', email, 'first_name', first_name, 'last_name', last_name)
from met
where is_new
order by email;

-- name: number_buyers_by_post()!
-- Nobody finds a buyer by a postal address: each order makes one.
update in_line
set buyer_id = nextval(pg_get_serial_sequence('portal.buyer', 'id'))
where fits and is_known_by_post;

-- name: make_buyers_by_post(now, actor)!
with made as (
    insert into portal.buyer (id, first_name, last_name) overriding system value
    select buyer_id, first_name, last_name from in_line
    where fits and is_known_by_post
    returning id, first_name, last_name
)

insert into history.event (happened_at, actor, subject, subject_key, action, after)
select
    :now, :actor, 'portal.buyers', 'id/' || id, 'added',
    jsonb_build_object('customer_id', null, 'email', null, 'first_name', first_name, 'last_name', last_name)
from made
order by id;

-- name: give(now)!
-- Every order that fits has a buyer by now.
insert into books.attribution (payment_id, buyer_id, draw_id, entries, attributed_at)
select
    f.payment_id,
    coalesce(f.buyer_id, b.id),
    f.draw_id,
    int8range(f.last_entry - f.entries + 1, f.last_entry, '[]'),
    :now
from in_line as f
left join portal.buyer as b on b.customer_id is null and b.email = f.email
where f.fits
order by f.draw_id, f.last_entry;

-- name: count_entries()!
-- Which number is next in each draw?
update books.draw_counter as c
set next_entry = g.last_entry + 1
from (select draw_id, max(last_entry) as last_entry from in_line where fits group by draw_id) as g
where c.draw_id = g.draw_id;

-- name: move(now, actor)
-- Who has the product now, and who waits for a person? The others wait for the next batch.
with moved as (
    update books.payment as p
    set
        product_state = case when f.fits then 'attributed' else 'stuck' end,
        product_problem = f.problem,
        -- also where one problem follows another: what to do is another thing then
        told_at = null,
        moved_at = :now,
        moved_by = :actor,
        move_reason = f.problem
    from in_line as f
    where p.id = f.payment_id and (f.fits or f.problem is not null)
    returning p.product_state
)

select product_state, count(*)::int from moved group by product_state;
