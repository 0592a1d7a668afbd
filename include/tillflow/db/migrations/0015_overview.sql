-- The overview counts the files of the last days, and what waits, without reading what is done.
create index import_received on intake.import (received_at);
create index payment_funds_pending on books.payment (import_id) where state = 'received';
