-- The two partial indexes over held reservations are for whoever looks for dead holds, and for nobody else. With the predicate
-- "status = 'held'" any statement that says so may be planned with them, even "this payment's held rows": made over small
-- tables such a plan costs the same, and kept, it reads every live hold of a sale (test/db/plans.test.ts: 100,000 rows for
-- one buyer). A predicate that nothing else uses keeps them apart.
create index inventory_reservations_due on inventory_reservations (reclaim_after) where left(status, 4) = 'held';
create index inventory_reservations_due_product on inventory_reservations (drop_product_id, reclaim_after)
  where left(status, 4) = 'held';
