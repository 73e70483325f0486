// The faults that are planted, and for each the test that must notice. A fault is an edit of the newest definition of a function
// or view, as db/schema.sql has it; an edit that fits nowhere any more is an error, not a fault that went unnoticed.

export interface Edit {
  /** Function or view. */
  of: string;
  find: string;
  /** Every occurrence of `find` is replaced. */
  replace: string;
}

export interface Planted {
  fault: string;
  edits: Edit[];
  /** Below test/db. */
  file: string;
  /** Exactly as the test is named, with its describe blocks in front. */
  test: string;
}

const GUARD = 'and available_inventory >= p_quantity';

export const PLANTED: readonly Planted[] = [
  {
    fault: 'products of an order are not sorted',
    edits: [
      {
        of: '_parse_lines',
        find: 'from jsonb_array_elements(v_items)\n    group by 1',
        replace: 'from jsonb_array_elements(v_items) with ordinality as e (value, position)\n    group by 1',
      },
      {
        of: '_parse_lines',
        find: '::integer as units\n',
        replace: '::integer as units, min(position) as nth\n',
      },
      { of: '_parse_lines', find: 'array_agg(id order by id)', replace: 'array_agg(id order by nth)' },
      { of: '_parse_lines', find: 'array_agg(units order by id)', replace: 'array_agg(units order by nth)' },
    ],
    file: 'storms.test.ts',
    test: 'orders of the same products in opposite order do not deadlock',
  },
  {
    fault: 'products of a batch are locked in another order than elsewhere',
    edits: [{ of: '_lock_products', find: 'order by id', replace: 'order by id desc' }],
    file: 'proofs/batch-locks.test.ts',
    test: 'a batch locks its products in their one order, however its lines come',
  },
  {
    fault: 'units are taken without asking whether they are free',
    edits: [{ of: '_take_product', find: GUARD, replace: '' }],
    file: 'storms.test.ts',
    test: '300 bare reserves for 100 units: exactly 100 are true',
  },
  {
    fault: 'a batch gives units without asking whether they are free',
    edits: [{ of: '_claim_batch', find: 'p_line_units[v_at] > v_free[v_products[v_at]]', replace: 'false' }],
    file: 'batch-open.test.ts',
    test: 'first come, first served: a large order that is short does not stop a small one behind it',
  },
  {
    fault: 'a batch takes the units it was quoted though they are gone',
    edits: [{ of: '_take_quoted', find: ' and p.available_inventory >= wanted.units', replace: '' }],
    file: 'proofs/batch-locks.test.ts',
    test: 'what a batch wrote before its units were gone is undone: one of two is served, once',
  },
  {
    fault: 'a batch begins the window of its members, and then waits for a product',
    edits: [
      { of: '_take_quoted', find: `or clock_timestamp() > v_asked_at + interval '100 ms'`, replace: '' },
    ],
    file: 'batch-open.test.ts',
    test: 'the window begins after the locks: who waited still gets all of it',
  },
  {
    fault: 'a batch is served as a whole without asking for limits',
    edits: [
      { of: '_quote_all', find: 'coalesce(l.units + l.taken <= p.max_per_customer, true)', replace: 'true' },
    ],
    file: 'batch-open.test.ts',
    test: 'purchase_limit_reached among neighbours who can all be served',
  },
  {
    fault: 'a batch is served as a whole though a customer is in it twice',
    edits: [{ of: '_quote_all', find: 'count(distinct m.customer) = count(m.customer)', replace: 'true' }],
    file: 'batch-open.test.ts',
    test: 'the limit per customer is exact inside one batch, and with what the customer has already',
  },
  {
    fault: 'the counter is read, and written as it was read',
    edits: [
      {
        of: '_take_product',
        find: 'set available_inventory = available_inventory - p_quantity\n  where',
        replace: `set available_inventory =
    (select q.available_inventory - p_quantity from drop_products q where q.id = p_product_id)\n  where`,
      },
    ],
    file: 'storms.test.ts',
    test: '300 bare reserves for 100 units: exactly 100 are true',
  },
  {
    fault: 'a batch reads the counters before it locks the products',
    edits: [{ of: '_lock_batch_products', find: 'perform _lock_products(p_product_ids);', replace: '' }],
    file: 'proofs/batch-locks.test.ts',
    test: 'a batch whose members must be asked in turn decides by what is left when it is its turn',
  },
  {
    fault: 'confirm decides by the start of the transaction',
    edits: [{ of: 'confirm_inventory_reservations', find: 'clock_timestamp()', replace: 'now()' }],
    file: 'lock-order.test.ts',
    test: 'confirm reads its clock after the lock: a hold that dies while it waits is too late',
  },
  {
    fault: 'the window of a checkout begins with the transaction',
    edits: [{ of: 'open_checkout', find: 'v_now := clock_timestamp()', replace: 'v_now := now()' }],
    file: 'open-checkout.test.ts',
    test: 'a buyer who waited for a lock still gets the whole window',
  },
  {
    fault: 'the window of a batch begins with the transaction',
    edits: [{ of: 'open_checkouts', find: 'v_now := clock_timestamp()', replace: 'v_now := now()' }],
    file: 'batch-open.test.ts',
    test: 'the window begins after the locks: who waited still gets all of it',
  },
  {
    fault: 'a checkout is not locked',
    edits: [
      {
        of: '_lock_checkout',
        find: 'select pg_advisory_xact_lock',
        replace: 'select from (select $1) as id where false;\n  --',
      },
    ],
    file: 'proofs/batch-locks.test.ts',
    test: 'one checkout in two batches and on its own at once: opened once, three equal answers',
  },
  {
    fault: 'a PaymentIntent is not locked',
    edits: [
      {
        of: '_lock_payment_intent',
        find: 'select pg_advisory_xact_lock',
        replace: 'select from (select $1) as id where false;\n  --',
      },
    ],
    file: 'storms.test.ts',
    test: 'one PaymentIntent reserved twenty times at once is held once',
  },
  {
    fault: 'the checkouts of a batch are not locked',
    edits: [{ of: '_lock_checkouts', find: 'perform pg_advisory_xact_lock(key)', replace: 'perform key' }],
    file: 'proofs/batch-locks.test.ts',
    test: 'one checkout in two batches and on its own at once: opened once, three equal answers',
  },
  {
    fault: 'cleanup goes by the deadline instead of the lease',
    edits: [
      { of: 'cleanup_expired_reservations', find: 'where reclaim_after <=', replace: 'where expires_at <=' },
    ],
    file: 'lease-and-cleanup.test.ts',
    test: 'cleanup leaves a hold alone between its deadline and the end of its lease',
  },
  {
    fault: 'a buyer takes units back by the deadline instead of the lease',
    edits: [
      { of: '_take_product', find: 'and reclaim_after <= v_now', replace: 'and expires_at <= v_now' },
      { of: '_reclaim_dead_holds', find: 'and reclaim_after <= p_now', replace: 'and expires_at <= p_now' },
    ],
    file: 'proofs/batch-locks.test.ts',
    test: 'units past their deadline but under lease go to nobody else, singly or in a batch',
  },
  {
    fault: 'a stored payment that nobody has judged does not protect the units',
    edits: [{ of: 'reclaimable_reservations', find: '(NOT (EXISTS (', replace: '(true or NOT (EXISTS (' }],
    file: 'lease-and-cleanup.test.ts',
    test: 'an unjudged payment_intent.succeeded protects the units from cleanup and from buyers until it is judged',
  },
  {
    fault: 'the limit per customer is checked without a lock',
    edits: [{ of: '_lock_customers', find: 'perform pg_advisory_xact_lock(key)', replace: 'perform key' }],
    file: 'lock-order.test.ts',
    test: 'of two checkouts of one customer the second counts what the first took, while both wait',
  },
  {
    fault: 'lines of the same product are not merged',
    edits: [{ of: '_parse_lines', find: 'sum((value ->>', replace: 'max((value ->>' }],
    file: 'bare-reservations.test.ts',
    test: 'reserve counts two lines of one product together',
  },
  {
    fault: 'cleanup waits for rows that others work on',
    edits: [{ of: 'cleanup_expired_reservations', find: 'for update skip locked', replace: 'for update' }],
    file: 'lease-and-cleanup.test.ts',
    test: 'cleanup passes over a hold that its own checkout is working on',
  },
  {
    fault: 'an order that is short keeps the units of its first lines',
    edits: [
      { of: '_take_units', find: 'perform _put_back(p_product_ids, p_quantities, i - 1);', replace: '' },
    ],
    file: 'proofs/model.test.ts',
    test: '200 random sequences of up to 24 steps answer and end as the model does',
  },
];
