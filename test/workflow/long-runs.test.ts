// Checkouts that run for weeks: each goes on in a new history before the old one gets long, and what it knew it still knows.
import { randomUUID } from 'node:crypto';

import { Worker } from '@temporalio/worker';

import { CAPTURE_METHODS, type CheckoutResult } from '../../contracts/checkout';
import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import {
  cancelByOperatorUpdate,
  OPEN_UPDATE_ID,
  openUpdate,
  paymentEventSignal,
  reportQuery,
} from '../../contracts/messages';
import { order, type Placed } from '../support/orders';
import { requireEnv } from '../support/temporal-environment';
import { until } from '../support/until';
import { World, type WorldOptions } from '../support/world';

/** A page of history, and what the round under way adds to it. */
const EVENTS_MAX = 1_100;
/** A page takes about a thousand. */
const SIGNALS_MAX = 4_000;
const WEEKS: WorldOptions = {
  paymentMethodTypes: ['card', 'us_bank_account'],
  holdMaxSeconds: 60 * 86_400,
};

let world: World;
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

async function enter(options: WorldOptions): Promise<void> {
  await world?.close();
  world = await World.open({ ...WEEKS, ...options });
}

const runOf = ({ checkout }: Placed, runId?: string) =>
  world.env.client.workflow.getHandle<() => Promise<CheckoutResult>>(
    checkoutWorkflowId(checkout.checkout_id),
    runId,
  );
const runIdOf = async (placed: Placed) => (await runOf(placed).describe()).runId;

async function processing(): Promise<Placed> {
  const placed = await order(world, 1);
  await world.pay(placed.checkout, 'pm_usBankAccount_success');
  await world.reach(placed.checkout, 'payment_processing');
  return placed;
}

const bankSettles = ({ checkout }: Placed) =>
  world.control(`payment_intents/${checkout.payment_intent_id}/settle_processing`);

/** It has gone on in a new history, which is short, and looks from outside as it did. */
async function expectNewHistory(placed: Placed, firstRunId: string, status: string): Promise<void> {
  const run = await runOf(placed).describe();
  expect([run.status.name, run.runId === firstRunId]).toEqual(['RUNNING', false]);
  expect(run.historyLength).toBeLessThan(EVENTS_MAX);
  expect(run.memo).toHaveProperty('request_fingerprint');
  expect(run.searchAttributes).toMatchObject({
    CheckoutStatus: [status],
    PaymentIntentId: [placed.checkout.payment_intent_id],
    AmountMinor: [placed.checkout.amount],
  });
  expect(await runOf(placed).query(reportQuery)).toMatchObject({ status, phase: /./ });
}

/** One order and one charge, whichever of its runs is asked. */
async function expectSold(placed: Placed, firstRunId: string): Promise<void> {
  const { checkout, stock, stockBefore } = placed;
  expect(await runOf(placed, firstRunId).result()).toMatchObject({ status: 'confirmed' });
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
}

describe.each(CAPTURE_METHODS)('%s capture, settlement paused for a day', (captureMethod) => {
  beforeAll(() => enter({ policy: { captureMethod }, paymentMethodTypes: ['card'] }));
  beforeEach(() => void (world.settlement = () => 'on'));

  async function paidAndPaused(): Promise<Placed & { runId: string }> {
    const placed = await order(world, 1);
    const runId = await runIdOf(placed);
    world.settlement = () => 'paused';
    await world.pay(placed.checkout);
    await world.env.sleep('18 hours');
    await expectNewHistory(placed, runId, 'awaiting_payment');
    return { ...placed, runId };
  }

  test('who has paid gets the order afterwards, and is answered meanwhile', async () => {
    const placed = await paidAndPaused();
    // What the API sends when the same key comes again and the row cannot answer it.
    const again = await runOf(placed).executeUpdate(openUpdate, { updateId: OPEN_UPDATE_ID });
    expect(again).toMatchObject({ outcome: 'opened' });
    world.settlement = () => 'on';
    await expectSold(placed, placed.runId);
  });

  test('who gave up has it done afterwards', async () => {
    const placed = await order(world, 1);
    const runId = await runIdOf(placed);
    world.settlement = () => 'paused';
    await world.shop.cancel(placed.checkout);
    await world.env.sleep('18 hours');
    await expectNewHistory(placed, runId, 'awaiting_payment');
    expect(await placed.stock()).toBe(placed.stockBefore - 1);
    world.settlement = () => 'on';
    expect(await runOf(placed, runId).result()).toMatchObject({ status: 'canceled' });
    expect(await world.payment(placed.checkout)).toMatchObject({ status: 'canceled', captured: 0 });
    expect(await placed.stock()).toBe(placed.stockBefore);
  });
});

test('settlement goes on in a new history as well, and finishes in place of a run that is gone', async () => {
  await enter({ paymentMethodTypes: ['card'] });
  const placed = await order(world, 1);
  world.settlement = () => 'paused';
  await runOf(placed).terminate('test');
  await world.pay(placed.checkout);
  const settlement = world.env.client.workflow.getHandle(settlementWorkflowId(placed.checkout.checkout_id));
  const { runId } = await until('settlement to run', () => settlement.describe());
  await world.env.sleep('18 hours');
  const now = await settlement.describe();
  expect([now.status.name, now.runId === runId, now.historyLength < EVENTS_MAX]).toEqual([
    'RUNNING',
    false,
    true,
  ]);
  world.settlement = () => 'on';
  await settlement.result();
  await world.reach(placed.checkout, 'confirmed');
  expect(await world.payment(placed.checkout)).toMatchObject({
    captured: placed.checkout.amount,
    refunded: 0,
  });
  expect(await placed.stock()).toBe(placed.stockBefore - 1);
});

describe('a payment that is processed for hours', () => {
  beforeAll(() => enter({}));
  beforeEach(() => world.control('settings', { processing_cancel: 'refuse' }));

  test('the units stay held, and its success is an order', async () => {
    const placed = await processing();
    const runId = await runIdOf(placed);
    await world.env.sleep('4 hours');
    await expectNewHistory(placed, runId, 'payment_processing');
    expect(await placed.stock()).toBe(placed.stockBefore - 1);
    await bankSettles(placed);
    await expectSold(placed, runId);
  });

  test('an operator’s cancel stays: the payment is let go as soon as Stripe allows it', async () => {
    const placed = await processing();
    const runId = await runIdOf(placed);
    const answer = await runOf(placed).executeUpdate(cancelByOperatorUpdate);
    expect(answer).toEqual({ outcome: 'accepted' });
    await world.env.sleep('4 hours');
    await expectNewHistory(placed, runId, 'payment_processing');
    await world.control('settings', { processing_cancel: 'allow' });
    expect(await runOf(placed, runId).result()).toMatchObject({ status: 'canceled' });
    expect(await world.payment(placed.checkout)).toMatchObject({ status: 'canceled', captured: 0 });
    expect(await placed.stock()).toBe(placed.stockBefore);
  });
});

test('on the real server no signal is lost between two histories, nor is the memo', async () => {
  await enter({ server: 'dev-server', policy: { windowSeconds: 5 } });
  const placed = await processing();
  const firstRunId = await runIdOf(placed);
  const { checkout } = placed;
  const sent: string[] = [];
  const runIds = new Set([firstRunId]);
  const lane = async () => {
    while (runIds.size < 2 && sent.length < SIGNALS_MAX) {
      const eventId = `evt_${randomUUID()}`;
      sent.push(eventId);
      await runOf(placed).signal(paymentEventSignal, {
        eventId, type: 'payment_intent.processing', paymentIntentId: checkout.payment_intent_id,
        currency: 'usd', amountReceivedMinor: 0, amountCapturableMinor: 0, attempt: null,
      }); // prettier-ignore
      if (sent.length % 20 === 0) runIds.add(await runIdOf(placed));
    }
  };
  await until('the window to be over', async () =>
    (await runOf(placed).query(reportQuery)).phase.startsWith('ending'),
  );
  await Promise.all(Array.from({ length: 4 }, lane));
  expect(runIds.size).toBe(2);

  await expectNewHistory(placed, firstRunId, 'payment_processing');
  await until('every one to be judged', async () => {
    const { eventsJudged } = await runOf(placed).query(reportQuery);
    return eventsJudged === sent.length + 1;
  });
  await bankSettles(placed);
  await expectSold(placed, firstRunId);
  for (const runId of runIds) {
    await Worker.runReplayHistory(
      { workflowBundle: { codePath: requireEnv('HOLDFAST_TEST_WORKFLOW_BUNDLE') } },
      await runOf(placed, runId).fetchHistory(),
      checkoutWorkflowId(checkout.checkout_id),
    );
  }
});
