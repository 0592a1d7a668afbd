-- What pages list is found without reading what is done with.
-- the machines that belong to nobody, each with any number of vends that wait
create index exception_open_nowhere on books.exception (asset_no)
where state = 'open' and kind = 'equipment_sync' and customer_id is null;
-- a machine's latest one, to see that it is not silent
create index exception_of_machine on books.exception (equipment_id, least(occurred_at, recorded_at))
where kind = 'equipment_sync';
-- the newest in a state; 0016 has those of a customer
create index invoice_of_state on books.invoice (state, id);
