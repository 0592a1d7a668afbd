-- The group roles stay: other databases of the same server may use them.
drop schema mail cascade;
drop schema history cascade;
drop schema books cascade;
drop schema intake cascade;
drop schema portal cascade;
