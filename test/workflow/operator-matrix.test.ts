// Every act of an operator on every status of a checkout, through the API on the real parts: allowed or refused as
// contracts/operations.ts says and docs/operations.md prints, with what became of stock, money and status.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { checkoutIdFromKey } from '../../contracts/fingerprint';
import { checkoutWorkflowId } from '../../contracts/ids';
import { CHECKOUT_ACTIONS, OPERATIONS_BY_STATUS } from '../../contracts/operations';
import type { CheckoutAction } from '../../contracts/operations';
import { CHECKOUT_STATUSES } from '../../contracts/statuses';
import type { CheckoutStatus } from '../../contracts/statuses';
import { readLedger, type LedgerPayment } from '../support/ledger';
import { actOn, OPERATOR, readAdmin, REASON, type OperationBody } from '../support/operator';
import { addProduct, loseLease, order, takeAll } from '../support/orders';
import { sell } from '../support/refunds';
import { Shop, type CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open({ paymentMethodTypes: ['card', 'us_bank_account'] });
  await world.control('settings', { processing_cancel: 'allow' });
});
afterEach(async () => {
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
  await world.webhooks({ mode: 'deliver' });
});
afterAll(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
  await world?.close();
});

interface Case {
  checkoutId: string;
  /** Null while it has none to show: still opening, or refused. */
  checkout: CreateBody | null;
  /** Units of its product that it does not hold. */
  stockMax: number;
  stock: () => Promise<number>;
  /** What was begun for it ends before the test does. */
  settle?: () => Promise<unknown>;
}

const QUANTITY = 2;
const UNITS = 10;

const fromPlaced = (placed: Awaited<ReturnType<typeof order>>): Case => ({
  checkoutId: placed.checkout.checkout_id,
  checkout: placed.checkout,
  stockMax: placed.stockBefore,
  stock: placed.stock,
});

/** Created at Stripe slowly, or not at all. */
async function startOpening(fault: Record<string, unknown>): Promise<Case> {
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

const statusOf = async (checkoutId: string) => {
  const { rows } = await world.pool.query<{ status: CheckoutStatus }>(
    'select status from checkouts where id = $1',
    [checkoutId],
  );
  return rows[0]?.status;
};

const reach = (checkoutId: string, status: CheckoutStatus) =>
  until(`the checkout to be ${status}`, async () => (await statusOf(checkoutId)) === status);

/** Paid when nothing was free any more. */
async function paidTooLate(): Promise<Case> {
  const placed = await order(world, UNITS, UNITS);
  await loseLease(world, placed);
  await takeAll(world, placed);
  await world.pay(placed.checkout);
  return { ...fromPlaced(placed), stockMax: 0 };
}

/** How each status is come by, in the real way. */
const MAKE: Readonly<Record<CheckoutStatus, () => Promise<Case>>> = {
  opening: async () => {
    const made = await startOpening({ effect: 'executed', latency_ms: 1_500 });
    await reach(made.checkoutId, 'opening');
    return made;
  },
  awaiting_payment: async () => fromPlaced(await order(world, QUANTITY)),
  payment_processing: async () => {
    const placed = await order(world, QUANTITY);
    await world.pay(placed.checkout, 'pm_usBankAccount_success');
    await world.reach(placed.checkout, 'payment_processing');
    return fromPlaced(placed);
  },
  confirmed: async () => fromPlaced(await sell(world)),
  expired: async () => {
    const placed = await order(world, QUANTITY);
    await world.finish(placed.checkout);
    return fromPlaced(placed);
  },
  canceled: async () => {
    const placed = await order(world, QUANTITY);
    await world.shop.cancel(placed.checkout);
    await world.reach(placed.checkout, 'canceled');
    return fromPlaced(placed);
  },
  payment_failed: async () => {
    const placed = await order(world, QUANTITY);
    await world.pay(placed.checkout, 'pm_card_visa_chargeDeclinedStolenCard');
    await world.reach(placed.checkout, 'payment_failed');
    return fromPlaced(placed);
  },
  refused: async () => {
    const made = await startOpening({
      effect: 'none',
      reply: { status: 400, code: 'parameter_invalid_empty' },
    });
    await made.settle?.();
    await reach(made.checkoutId, 'refused');
    return made;
  },
  refund_pending: async () => {
    await world.fault({ operation: 'refunds.create', effect: 'none', reply: { status: 409 }, times: 1_000 });
    const made = await paidTooLate();
    await reach(made.checkoutId, 'refund_pending');
    return made;
  },
  refunded: async () => {
    const made = await paidTooLate();
    await reach(made.checkoutId, 'refunded');
    return made;
  },
};

/** Closed without an order, and then the money came in and nobody was told: only an operator can find it. */
async function paidAfterItsEnd(status: CheckoutStatus): Promise<Case> {
  const placed = await order(world, QUANTITY);
  const { checkout_id: checkoutId } = placed.checkout;
  await world.env.client.workflow.getHandle(checkoutWorkflowId(checkoutId)).terminate('test');
  await world.pool.query(`select release_checkout($1, $2, null, '{}')`, [checkoutId, status]);
  await world.webhooks({ mode: 'drop' });
  await world.pay(placed.checkout);
  return fromPlaced(placed);
}

const payment = async ({ checkoutId }: Case): Promise<LedgerPayment | null> => {
  const { payment_intents: payments } = await readLedger(world.simulatorUrl);
  return payments.find(({ metadata }) => metadata['checkout_id'] === checkoutId) ?? null;
};

const factsOf = async (made: Case) => ({
  status: await statusOf(made.checkoutId),
  stock: await made.stock(),
  payment: await payment(made),
});

const moneyOf = async (made: Case) => {
  const found = await payment(made);
  return { status: found?.status, captured: found?.captured, refunded: found?.refunded };
};

/** What an allowed act does: how its checkout is made ready, and what it has become. */
interface Allowed {
  make: () => Promise<Case>;
  check: (made: Case, answer: OperationBody) => Promise<void>;
}

const expectUnpaid = async (made: Case) => {
  expect(await statusOf(made.checkoutId)).toBe('canceled');
  expect(await made.stock()).toBe(made.stockMax);
  expect(await moneyOf(made)).toEqual({ status: 'canceled', captured: 0, refunded: 0 });
};

const expectSold = async (made: Case) => {
  await reach(made.checkoutId, 'confirmed');
  expect(await made.stock()).toBe(made.stockMax - QUANTITY);
  expect(await moneyOf(made)).toEqual({ status: 'succeeded', captured: 5_000, refunded: 0 });
};

const cancel = (status: CheckoutStatus): Allowed => ({
  make: MAKE[status],
  check: async (made, answer) => {
    expect(answer).toMatchObject({ state: 'done', result: { status: 'canceled' } });
    await expectUnpaid(made);
  },
});

const extend = (status: CheckoutStatus): Allowed => ({
  make: MAKE[status],
  check: async (made, { before, after, state }) => {
    expect(state).toBe('done');
    const at = (snapshot: typeof before) => Date.parse(String(snapshot?.['expires_at']));
    expect(at(after) - at(before)).toBe(60_000);
    expect(await statusOf(made.checkoutId)).toBe(status);
    expect(await made.stock()).toBe(made.stockMax - QUANTITY);
  },
});

const settles = (make: Allowed['make']): Allowed => ({
  make,
  check: async (made, answer) => {
    expect(answer.state).toBe('done');
    await expectSold(made);
  },
});

const nothingChanges = (status: CheckoutStatus): Allowed => ({
  make: MAKE[status],
  check: async (made, answer) => {
    expect(answer).toMatchObject({
      state: 'done',
      before: { status },
      result: { payment_status: 'succeeded' },
    });
    expect(await statusOf(made.checkoutId)).toBe(status);
    const { refunded } = await moneyOf(made);
    expect([refunded, await made.stock()]).toEqual([status === 'refunded' ? 25_000 : 0, made.stockMax]);
  },
});

const ALLOWED: Readonly<Record<CheckoutAction, Partial<Record<CheckoutStatus, Allowed>>>> = {
  cancel: {
    opening: cancel('opening'),
    awaiting_payment: cancel('awaiting_payment'),
    payment_processing: cancel('payment_processing'),
  },
  extend: {
    awaiting_payment: extend('awaiting_payment'),
    payment_processing: extend('payment_processing'),
  },
  ask_stripe: {
    awaiting_payment: settles(async () => {
      const made = await MAKE.awaiting_payment();
      await world.webhooks({ mode: 'drop' });
      await world.pay(made.checkout as CreateBody);
      return made;
    }),
    payment_processing: settles(async () => {
      const made = await MAKE.payment_processing();
      await world.webhooks({ mode: 'drop' });
      await world.control(`payment_intents/${made.checkout?.payment_intent_id}/settle_processing`);
      return made;
    }),
    confirmed: {
      make: async () => {
        const made = await MAKE.confirmed();
        await world.webhooks({ mode: 'drop' });
        await world.stripe.refunds.create({
          payment_intent: made.checkout?.payment_intent_id ?? '',
          amount: 700,
        });
        return made;
      },
      check: async (made, answer) => {
        expect(answer).toMatchObject({ state: 'done', result: { asked: 'settlement' } });
        await until('the refund to be known', async () => {
          const { rows } = await world.pool.query(
            `select 1 from orders where checkout_id = $1 and status = 'partially_refunded'`,
            [made.checkoutId],
          );
          return rows.length === 1;
        });
        expect(await moneyOf(made)).toMatchObject({ captured: 5_000, refunded: 700 });
      },
    },
    expired: settles(() => paidAfterItsEnd('expired')),
    canceled: settles(() => paidAfterItsEnd('canceled')),
    payment_failed: settles(() => paidAfterItsEnd('payment_failed')),
    refund_pending: nothingChanges('refund_pending'),
    refunded: nothingChanges('refunded'),
  },
  reclaim: {
    expired: settles(() => paidAfterItsEnd('expired')),
    canceled: settles(() => paidAfterItsEnd('canceled')),
    payment_failed: settles(() => paidAfterItsEnd('payment_failed')),
  },
  refund: {
    confirmed: {
      make: MAKE.confirmed,
      check: async (made, answer) => {
        expect(answer).toMatchObject({ state: 'done', result: { amount: 5_000 } });
        await until('the money to be back', async () => (await moneyOf(made)).refunded === 5_000);
        expect(await statusOf(made.checkoutId)).toBe('confirmed');
        expect(await made.stock()).toBe(made.stockMax - QUANTITY);
      },
    },
    refund_pending: {
      make: MAKE.refund_pending,
      // Allowed by status, because the automatic refund may have failed; here it has not.
      check: async (made, answer) => {
        expect(answer).toMatchObject({ code: 'operation_refused', refusal: 'nothing_left' });
        expect((await moneyOf(made)).refunded).toBe(0);
      },
    },
  },
};

const CELLS = CHECKOUT_ACTIONS.flatMap((action) =>
  CHECKOUT_STATUSES.map((status) => [action, status, OPERATIONS_BY_STATUS[action][status]] as const),
);

test('docs/operations.md prints the table', () => {
  const page = readFileSync(path.join(__dirname, '../../docs/operations.md'), 'utf8');
  const printed = page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .filter((cells) => CHECKOUT_STATUSES.includes(cells[1] as CheckoutStatus) && cells.length === 8)
    .flatMap(([, status, ...verdicts]) =>
      CHECKOUT_ACTIONS.map((action, i) => `${action} ${status}: ${verdicts[i]}`),
    );
  expect(printed.toSorted()).toEqual(CELLS.map(([a, s, verdict]) => `${a} ${s}: ${verdict}`).toSorted());
});

describe('what is refused changes nothing, and is on record', () => {
  test.each(CELLS.filter(([, , verdict]) => verdict !== 'allowed'))(
    '%s on %s: %s',
    async (action, status, verdict) => {
      const made = await MAKE[status]();
      const before = await factsOf(made);
      expect(before.status).toBe(status);
      const { status: http, body } = await actOn(world, action, made.checkoutId);
      expect([http, body.code, body.refusal]).toEqual([409, 'operation_refused', verdict]);
      expect(await factsOf(made)).toEqual(before);
      await expectOnRecord(body, status);
      await made.settle?.();
    },
  );
});

describe('what is allowed is done, and is on record', () => {
  test.each(CELLS.filter(([, , verdict]) => verdict === 'allowed'))(
    '%s on %s: %s',
    async (action, status) => {
      const allowed = ALLOWED[action][status];
      if (allowed === undefined) throw new Error('This cell is not tested.');
      const made = await allowed.make();
      expect(await statusOf(made.checkoutId)).toBe(status);
      const { body } = await actOn(world, action, made.checkoutId);
      await allowed.check(made, body);
      await expectOnRecord(body, status);
      await made.settle?.();
    },
  );
});

/** Who, why, before and after. */
async function expectOnRecord(answer: OperationBody, status: CheckoutStatus): Promise<void> {
  const record = await readAdmin<OperationBody>(world, `operations/${answer.operation_id}`);
  expect(record).toMatchObject({
    operator: OPERATOR,
    reason: REASON,
    state: answer.refusal === null || answer.refusal === undefined ? 'done' : 'refused',
    before: { status },
  });
  expect(record.after).not.toBeNull();
}
