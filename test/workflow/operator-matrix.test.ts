// Every act of an operator on every status of a checkout, through the API on the real parts: allowed or refused as
// contracts/operations.ts says and docs/operations.md prints, with what became of stock, money and status.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { CHECKOUT_ACTIONS, OPERATIONS_BY_STATUS } from '../../contracts/operations';
import type { CheckoutAction } from '../../contracts/operations';
import { CHECKOUT_STATUSES } from '../../contracts/statuses';
import type { CheckoutStatus } from '../../contracts/statuses';
import { actOn, OPERATOR, readAdmin, REASON, type OperationBody } from '../support/operator';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';
import {
  factsOf,
  MAKE,
  moneyOf,
  paidAfterItsEnd,
  QUANTITY,
  reach,
  statusOf,
  type Case,
} from './operator-cases';

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

/** What an allowed act does: how its checkout is made ready, and what it has become. */
interface Allowed {
  make: () => Promise<Case>;
  check: (made: Case, answer: OperationBody) => Promise<void>;
}

const expectUnpaid = async (made: Case) => {
  expect(await statusOf(world, made.checkoutId)).toBe('canceled');
  expect(await made.stock()).toBe(made.stockMax);
  expect(await moneyOf(world, made)).toEqual({ status: 'canceled', captured: 0, refunded: 0 });
};

const expectSold = async (made: Case) => {
  await reach(world, made.checkoutId, 'confirmed');
  expect(await made.stock()).toBe(made.stockMax - QUANTITY);
  expect(await moneyOf(world, made)).toEqual({ status: 'succeeded', captured: 5_000, refunded: 0 });
};

const cancel = (status: CheckoutStatus): Allowed => ({
  make: () => MAKE[status](world),
  check: async (made, answer) => {
    expect(answer).toMatchObject({ state: 'done', result: { status: 'canceled' } });
    await expectUnpaid(made);
  },
});

const extend = (status: CheckoutStatus): Allowed => ({
  make: () => MAKE[status](world),
  check: async (made, { before, after, state }) => {
    expect(state).toBe('done');
    const at = (snapshot: typeof before) => Date.parse(String(snapshot?.['expires_at']));
    expect(at(after) - at(before)).toBe(60_000);
    expect(await statusOf(world, made.checkoutId)).toBe(status);
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
  make: () => MAKE[status](world),
  check: async (made, answer) => {
    expect(answer).toMatchObject({
      state: 'done',
      before: { status },
      result: { payment_status: 'succeeded' },
    });
    expect(await statusOf(world, made.checkoutId)).toBe(status);
    const { refunded } = await moneyOf(world, made);
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
      const made = await MAKE.awaiting_payment(world);
      await world.webhooks({ mode: 'drop' });
      await world.pay(made.checkout as CreateBody);
      return made;
    }),
    payment_processing: settles(async () => {
      const made = await MAKE.payment_processing(world);
      await world.webhooks({ mode: 'drop' });
      await world.control(`payment_intents/${made.checkout?.payment_intent_id}/settle_processing`);
      return made;
    }),
    confirmed: {
      make: async () => {
        const made = await MAKE.confirmed(world);
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
        expect(await moneyOf(world, made)).toMatchObject({ captured: 5_000, refunded: 700 });
      },
    },
    expired: settles(() => paidAfterItsEnd(world, 'expired')),
    canceled: settles(() => paidAfterItsEnd(world, 'canceled')),
    payment_failed: settles(() => paidAfterItsEnd(world, 'payment_failed')),
    refund_pending: nothingChanges('refund_pending'),
    refunded: nothingChanges('refunded'),
  },
  reclaim: {
    expired: settles(() => paidAfterItsEnd(world, 'expired')),
    canceled: settles(() => paidAfterItsEnd(world, 'canceled')),
    payment_failed: settles(() => paidAfterItsEnd(world, 'payment_failed')),
  },
  refund: {
    confirmed: {
      make: () => MAKE.confirmed(world),
      check: async (made, answer) => {
        expect(answer).toMatchObject({ state: 'done', result: { amount: 5_000 } });
        await until('the money to be back', async () => (await moneyOf(world, made)).refunded === 5_000);
        expect(await statusOf(world, made.checkoutId)).toBe('confirmed');
        expect(await made.stock()).toBe(made.stockMax - QUANTITY);
      },
    },
    refund_pending: {
      make: () => MAKE.refund_pending(world),
      // Allowed by status, because the automatic refund may have failed; here it has not.
      check: async (made, answer) => {
        expect(answer).toMatchObject({ code: 'operation_refused', refusal: 'nothing_left' });
        expect((await moneyOf(world, made)).refunded).toBe(0);
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
      const made = await MAKE[status](world);
      const before = await factsOf(world, made);
      expect(before.status).toBe(status);
      const { status: http, body } = await actOn(world, action, made.checkoutId);
      expect([http, body.code, body.refusal]).toEqual([409, 'operation_refused', verdict]);
      expect(await factsOf(world, made)).toEqual(before);
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
      expect(await statusOf(world, made.checkoutId)).toBe(status);
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
