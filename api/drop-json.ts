// A drop's row in the words and shapes of the wire.
import type { DropView } from '../db/drops';
import type { DropAnswer } from './schemas';

export function dropJson(drop: DropView): DropAnswer {
  return {
    id: drop.id,
    name: drop.name,
    currency: drop.currency,
    opens_at: drop.opensAt.toISOString(),
    closes_at: drop.closesAt?.toISOString() ?? null,
    products: drop.products.map((product) => ({
      id: product.id,
      name: product.name,
      unit_price: product.unitPriceMinor,
      total: product.total,
      available: product.available,
      max_per_customer: product.maxPerCustomer,
    })),
  };
}
