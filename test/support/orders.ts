// Buying from the demo drop, with the stock before and after at hand.
import type { CreateBody } from './shop';
import type { World } from './world';

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
