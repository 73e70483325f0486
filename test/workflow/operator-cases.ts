// A checkout in each status, come by in the real way, and what can be seen of it: what the operator's matrix acts on.
import { checkoutIdFromKey } from '../../contracts/fingerprint';
import { checkoutWorkflowId } from '../../contracts/ids';
import type { CheckoutStatus } from '../../contracts/statuses';
import { readLedger, type LedgerPayment } from '../support/ledger';
import { addProduct, loseLease, order, takeAll } from '../support/orders';
import { sell } from '../support/refunds';
import { Shop, type CreateBody } from '../support/shop';
import { until } from '../support/until';
import type { World } from '../support/world';

export interface Case {
  checkoutId: string;
  /** Null while it has none to show: still opening, or refused. */
  checkout: CreateBody | null;
  /** Units of its product that it does not hold. */
  stockMax: number;
  stock: () => Promise<number>;
  /** What was begun for it ends before the test does. */
  settle?: () => Promise<unknown>;
}

export const QUANTITY = 2;
const UNITS = 10;

const fromPlaced = (placed: Awaited<ReturnType<typeof order>>): Case => ({
  checkoutId: placed.checkout.checkout_id,
  checkout: placed.checkout,
  stockMax: placed.stockBefore,
  stock: placed.stock,
});

/** Created at Stripe slowly, or not at all. */
async function startOpening(world: World, fault: Record<string, unknown>): Promise<Case> {
  const productId = await addProduct(world, UNITS);
  const key = Shop.key();
  await world.fault({ operation: 'payment_intents.create', times: 1, ...fault });
  const created = world.shop.create([{ drop_product_id: productId, quantity: QUANTITY }], key);
  return {
    checkoutId: checkoutIdFromKey(key),
    checkout: null,
    stockMax: UNITS,
    stock: () => world.shop.available(productId),
    settle: () => created,
  };
}

export const statusOf = async (world: World, checkoutId: string) => {
  const { rows } = await world.pool.query<{ status: CheckoutStatus }>(
    'select status from checkouts where id = $1',
    [checkoutId],
  );
  return rows[0]?.status;
};

export const reach = (world: World, checkoutId: string, status: CheckoutStatus) =>
  until(`the checkout to be ${status}`, async () => (await statusOf(world, checkoutId)) === status);

/** Paid when nothing was free any more. */
async function paidTooLate(world: World): Promise<Case> {
  const placed = await order(world, UNITS, UNITS);
  await loseLease(world, placed);
  await takeAll(world, placed);
  await world.pay(placed.checkout);
  return { ...fromPlaced(placed), stockMax: 0 };
}

/** How each status is come by, in the real way. */
export const MAKE: Readonly<Record<CheckoutStatus, (world: World) => Promise<Case>>> = {
  opening: async (world) => {
    const made = await startOpening(world, { effect: 'executed', latency_ms: 1_500 });
    await reach(world, made.checkoutId, 'opening');
    return made;
  },
  awaiting_payment: async (world) => fromPlaced(await order(world, QUANTITY)),
  payment_processing: async (world) => {
    const placed = await order(world, QUANTITY);
    await world.pay(placed.checkout, 'pm_usBankAccount_success');
    await world.reach(placed.checkout, 'payment_processing');
    return fromPlaced(placed);
  },
  confirmed: async (world) => fromPlaced(await sell(world)),
  expired: async (world) => {
    const placed = await order(world, QUANTITY);
    await world.finish(placed.checkout);
    return fromPlaced(placed);
  },
  canceled: async (world) => {
    const placed = await order(world, QUANTITY);
    await world.shop.cancel(placed.checkout);
    await world.reach(placed.checkout, 'canceled');
    return fromPlaced(placed);
  },
  payment_failed: async (world) => {
    const placed = await order(world, QUANTITY);
    await world.pay(placed.checkout, 'pm_card_visa_chargeDeclinedStolenCard');
    await world.reach(placed.checkout, 'payment_failed');
    return fromPlaced(placed);
  },
  refused: async (world) => {
    const made = await startOpening(world, {
      effect: 'none',
      reply: { status: 400, code: 'parameter_invalid_empty' },
    });
    await made.settle?.();
    await reach(world, made.checkoutId, 'refused');
    return made;
  },
  refund_pending: async (world) => {
    await world.fault({ operation: 'refunds.create', effect: 'none', reply: { status: 409 }, times: 1_000 });
    const made = await paidTooLate(world);
    await reach(world, made.checkoutId, 'refund_pending');
    return made;
  },
  refunded: async (world) => {
    const made = await paidTooLate(world);
    await reach(world, made.checkoutId, 'refunded');
    return made;
  },
};

/** Closed without an order, and then the money came in and nobody was told: only an operator can find it. */
export async function paidAfterItsEnd(world: World, status: CheckoutStatus): Promise<Case> {
  const placed = await order(world, QUANTITY);
  const { checkout_id: checkoutId } = placed.checkout;
  await world.env.client.workflow.getHandle(checkoutWorkflowId(checkoutId)).terminate('test');
  await world.pool.query(`select release_checkout($1, $2, null, '{}')`, [checkoutId, status]);
  await world.webhooks({ mode: 'drop' });
  await world.pay(placed.checkout);
  return fromPlaced(placed);
}

const payment = async (world: World, { checkoutId }: Case): Promise<LedgerPayment | null> => {
  const { payment_intents: payments } = await readLedger(world.simulatorUrl);
  return payments.find(({ metadata }) => metadata['checkout_id'] === checkoutId) ?? null;
};

export const factsOf = async (world: World, made: Case) => ({
  status: await statusOf(world, made.checkoutId),
  stock: await made.stock(),
  payment: await payment(world, made),
});

export const moneyOf = async (world: World, made: Case) => {
  const found = await payment(world, made);
  return { status: found?.status, captured: found?.captured, refunded: found?.refunded };
};
