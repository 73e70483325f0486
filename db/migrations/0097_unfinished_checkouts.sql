-- Reconciliation goes through open checkouts and those that owe a refund every five minutes, in the order of their ids. There are
-- few of them beside all that ever closed, and without an index each page walked past the closed ones.
create index checkouts_unfinished on checkouts (id) where closed_at is null or status = 'refund_pending';
