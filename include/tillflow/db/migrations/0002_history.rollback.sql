drop table history.event;
drop function history.refuse_change();
