// The demo drop of `npm start` and of the tests. Never part of a migration: a real shop's database must not sell T-shirts.
import type { Pool } from 'pg';

import { withTransaction } from './pool';

export const DEMO_DROP_ID = '5eed0000-0000-4000-8000-000000000001';

export const DEMO_PRODUCTS = {
  poster: { id: '5eed0000-0000-4000-8000-0000000000a1', name: 'Poster', unitPriceMinor: 1_500, total: 1_000 },
  shirt: { id: '5eed0000-0000-4000-8000-0000000000a2', name: 'T-shirt', unitPriceMinor: 3_500, total: 200 },
  hoodie: {
    id: '5eed0000-0000-4000-8000-0000000000a3',
    name: 'Hoodie',
    unitPriceMinor: 7_900,
    total: 50,
    maxPerCustomer: 2,
  },
  /** The one everybody wants. */
  print: {
    id: '5eed0000-0000-4000-8000-0000000000a4',
    name: 'Signed print',
    unitPriceMinor: 25_000,
    total: 1,
  },
} as const;

/** Adds the demo drop, open since an hour and until sold out. What is there already stays as it is. */
export async function seedDemoDrop(pool: Pool): Promise<void> {
  await withTransaction(pool, async (client) => {
    await client.query(
      `insert into drops (id, name, currency, opens_at)
       values ($1, 'Demo drop', 'usd', clock_timestamp() - interval '1 hour')
       on conflict (id) do nothing`,
      [DEMO_DROP_ID],
    );
    for (const product of Object.values(DEMO_PRODUCTS)) {
      await client.query(
        `insert into drop_products (id, drop_id, name, unit_price_minor, total_inventory, max_per_customer)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing`,
        [
          product.id,
          DEMO_DROP_ID,
          product.name,
          product.unitPriceMinor,
          product.total,
          'maxPerCustomer' in product ? product.maxPerCustomer : null,
        ],
      );
    }
  });
}
