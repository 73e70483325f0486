// What becomes of a refund after it was decided: Stripe may take its time, refuse, or change its mind.
import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { readLedger } from '../support/ledger';
import { order } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(() => fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' }));
afterAll(() => world?.close());

/** Paid by `paymentMethod` after the units were lost to another buyer. */
async function paidTooLate(paymentMethod: string): Promise<CreateBody> {
  const { checkout, productId } = await order(world, 1, 1);
  await world.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
    [checkout.checkout_id],
  );
  await world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  expect((await world.pay(checkout, paymentMethod)).body.status).toBe('succeeded');
  return checkout;
}

async function refundOf(checkout: CreateBody) {
  const { refunds } = await readLedger(world.simulatorUrl);
  return refunds.filter((refund) => refund.payment_intent === checkout.payment_intent_id);
}

const atBank = (refundId: string | undefined, verdict: string) =>
  world.control(`refunds/${refundId}/${verdict}`);

test('a refund that takes its time is told as pending, then as refunded', async () => {
  const checkout = await paidTooLate('pm_card_pendingRefund');
  const pending = await until('the refund', async () => (await refundOf(checkout))[0]);
  expect(await world.reach(checkout, 'refund_pending')).toMatchObject({ refund: { state: 'pending' } });
  await atBank(pending.id, 'succeed');
  await world.reach(checkout, 'refunded');
  expect(await refundOf(checkout)).toHaveLength(1);
});

test('a refund that fails at the bank calls a person', async () => {
  const checkout = await paidTooLate('pm_card_pendingRefund');
  const pending = await until('the refund', async () => (await refundOf(checkout))[0]);
  await atBank(pending.id, 'fail');
  await until('the incident', async () => (await world.incidents(checkout)).includes('refund_failed'));
  expect(await world.shop.read(checkout)).toMatchObject({
    status: 'refund_pending',
    refund: { state: 'failed' },
  });
});

test('a refund that fails after it succeeded calls a person', async () => {
  const checkout = await paidTooLate('pm_card_visa');
  await world.reach(checkout, 'refunded');
  await atBank((await refundOf(checkout))[0]?.id, 'fail');
  await until('the incident', async () => (await world.incidents(checkout)).includes('refund_failed'));
  expect((await world.shop.read(checkout)).refund).toMatchObject({ state: 'failed' });
  expect(await refundOf(checkout)).toHaveLength(1);
});

test('Stripe answers no refund for a day: a person is told, the history stays short, and it ends by itself', async () => {
  await world.fault({ operation: 'refunds.create', times: 100_000, effect: 'none', reply: { status: 500 } });
  const checkout = await paidTooLate('pm_card_visa');
  await world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id)).result();
  const settlement = world.env.client.workflow.getHandle(settlementWorkflowId(checkout.checkout_id));
  await world.env.sleep('1 hour');
  expect((await settlement.describe()).historyLength).toBeLessThan(500);
  expect(await world.incidents(checkout)).toContain('step_keeps_failing');
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
  await settlement.result();
  await world.reach(checkout, 'refunded');
  expect(await refundOf(checkout)).toHaveLength(1);
});
