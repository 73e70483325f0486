// Buying from the demo drop, with the stock before and after at hand.
import type { CreateBody } from './shop';
import { ADMIN_TOKEN, type World } from './world';

export interface Placed {
  checkout: CreateBody;
  productId: string;
  stockBefore: number;
  stock: () => Promise<number>;
}

/** Opens a checkout over `quantity` units of a product of its own with `units` units, so that tests do not meet. */
export async function order(world: World, quantity: number, units = 10): Promise<Placed> {
  const productId = await addProduct(world, units);
  const checkout = await world.shop.open([{ drop_product_id: productId, quantity }]);
  return { checkout, productId, stockBefore: units, stock: () => world.shop.available(productId) };
}

/** A product of the demo drop, at 25.00, without a limit per customer. */
export async function addProduct(world: World, units: number): Promise<string> {
  const { rows } = await world.pool.query<{ id: string }>(
    `insert into drop_products (id, drop_id, name, unit_price_minor, total_inventory)
     select gen_random_uuid(), id, 'Test product', 2500, $1 from drops order by opens_at limit 1
     returning id`,
    [units],
  );
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('The demo drop is missing.');
  return id;
}

/** What happens after a grace in which nobody renewed: the database takes the units back. */
export async function loseLease(world: World, { checkout, stock, stockBefore }: Placed): Promise<void> {
  await world.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
    [checkout.checkout_id],
  );
  const response = await fetch(`${world.apiUrl}/api/maintenance/cleanup-reservations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  expect(response.status).toBe(200);
  expect(await stock()).toBe(stockBefore);
}

/** Another buyer takes and pays every unit. */
export async function takeAll(world: World, { productId, stockBefore }: Placed): Promise<void> {
  const other = await world.shop.open([{ drop_product_id: productId, quantity: stockBefore }]);
  expect((await world.pay(other)).status).toBe(200);
  await world.reach(other, 'confirmed');
}
