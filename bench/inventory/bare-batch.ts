// What batching alone gives: only reservations and the counter, no checkout, no lines, no prices, no limits, no replays. Nothing
// of the product; it shows what a checkout's own rows cost in the batch that has them.
import type { Pool } from 'pg';

import { createBatcher } from '../../db/batcher';
import type { Batcher } from '../../db/batcher';

export interface BareRequest {
  key: string;
  productId: string;
}

const FUNCTION = `
  create function bench_reserve_batch(p_keys text[], p_product_ids uuid[]) returns boolean[]
  language plpgsql volatile
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  as $$
  declare
    v_now timestamptz;
    v_won integer;
  begin
    perform pg_advisory_xact_lock(lock)
    from (select distinct hashtextextended(key, 2) as lock from unnest(p_keys) as key order by lock) as ascending;
    perform 1 from drop_products where id = p_product_ids[1] for no key update;
    v_now := clock_timestamp();
    select least(available_inventory, cardinality(p_keys)) into v_won from drop_products where id = p_product_ids[1];
    update drop_products set available_inventory = available_inventory - v_won where id = p_product_ids[1];
    insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at, created_at, reclaim_after)
    select p_product_ids[1], 1, key, v_now + interval '5 minutes', v_now, v_now + interval '5 minutes'
    from unnest(p_keys[1:v_won]) as key;
    return array(select n <= v_won from generate_series(1, cardinality(p_keys)) as n);
  end
  $$`;

/** A batcher over it; one product, one unit a request. */
export async function createBareBatch(pool: Pool): Promise<Batcher<BareRequest, boolean>> {
  await pool.query(FUNCTION);
  const runBatch = async (requests: readonly BareRequest[]): Promise<boolean[]> => {
    const { rows } = await pool.query<{ won: boolean[] }>('select bench_reserve_batch($1, $2) as won', [
      requests.map(({ key }) => key),
      requests.map(({ productId }) => productId),
    ]);
    return rows[0]?.won ?? [];
  };
  return createBatcher<BareRequest, boolean>({
    keyOf: ({ key }) => key,
    runBatch,
    runSingle: async (request) => (await runBatch([request]))[0] ?? false,
  });
}
