// Payment methods that take days: the units stay held past the deadline, the buyer is told the truth, and whatever Stripe says in
// the end is carried out, even after the longest hold is over.
import { checkoutWorkflowId } from '../../contracts/ids';
import { ageCheckout } from '../support/database';
import { readLedger } from '../support/ledger';
import { order, takeAll, type Placed } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

const WINDOW_SECONDS = 300;
const HOLD_MAX_SECONDS = 86_400;

let world: World;

beforeAll(async () => {
  world = await World.open({ paymentMethodTypes: ['card', 'us_bank_account'] });
});
afterEach(async () => {
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

async function payByBank(units = 10): Promise<Placed> {
  const placed = await order(world, 1, units);
  const paid = await world.pay(placed.checkout, 'pm_usBankAccount_success');
  expect(paid.body.status).toBe('processing');
  return placed;
}

async function processing(units?: number): Promise<Placed> {
  const placed = await payByBank(units);
  await world.reach(placed.checkout, 'payment_processing');
  return placed;
}

const bank = ({ checkout }: Placed, says: 'settle' | 'fail') =>
  world.control(`payment_intents/${checkout.payment_intent_id}/${says}_processing`);

const runOf = ({ checkout }: Placed) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));

const get = async ({ checkout }: Placed, path: string) => {
  const response = await fetch(`${world.apiUrl}/api/checkouts/${checkout.checkout_id}${path}`, {
    headers: { authorization: `Bearer ${checkout.checkout_token}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

const openIncidents = async ({ checkout }: Placed) => {
  const { rows } = await world.pool.query<{ kind: string }>(
    'select kind from incidents where checkout_id = $1 and resolved_at is null order by kind',
    [checkout.checkout_id],
  );
  return rows.map(({ kind }) => kind);
};

async function expectSold({ checkout, stock, stockBefore }: Placed) {
  await world.reach(checkout, 'confirmed');
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
}

async function expectGivenUp({ checkout, stock, stockBefore }: Placed, status: string) {
  await world.reach(checkout, status);
  await until('the end of the payment', async () => (await world.payment(checkout)).status === 'canceled');
  expect(await world.payment(checkout)).toMatchObject({ captured: 0, refunded: 0 });
  expect(await stock()).toBe(stockBefore);
}

describe('before the longest hold is over', () => {
  test('the buyer is told that the payment is under way, and can pay no second time', async () => {
    const placed = await processing();
    expect((await get(placed, '')).body).toMatchObject({
      status: 'payment_processing',
      is_payable: false,
      order_id: null,
      message: expect.stringContaining('being processed'),
    });
    expect(await get(placed, '/payment')).toMatchObject({
      status: 409,
      body: { code: 'checkout_not_payable', checkout_status: 'payment_processing' },
    });
    await bank(placed, 'settle');
    await expectSold(placed);
  });

  test('three hours after the deadline the units are held, whatever cleans up, and the success is an order', async () => {
    const placed = await processing();
    await ageCheckout(world.pool, placed.checkout.checkout_id, WINDOW_SECONDS + 10_800);
    await world.env.sleep('3 hours');
    await world.pool.query('select cleanup_expired_reservations()');
    expect(await placed.stock()).toBe(placed.stockBefore - 1);
    expect((await get(placed, '')).body).toMatchObject({ status: 'payment_processing', seconds_left: 0 });
    expect((await runOf(placed).describe()).historyLength).toBeLessThan(1_500);
    await bank(placed, 'settle');
    await expectSold(placed);
    expect(await openIncidents(placed)).toEqual([]);
  });

  test('the bank refuses after the deadline: ended, then released', async () => {
    const placed = await processing();
    await world.env.sleep('10 minutes');
    await bank(placed, 'fail');
    await expectGivenUp(placed, 'expired');
  });

  test('the bank refuses in time: the buyer may pay with another method', async () => {
    const placed = await processing();
    await bank(placed, 'fail');
    await world.reach(placed.checkout, 'awaiting_payment');
    expect((await get(placed, '/payment')).status).toBe(200);
    expect((await world.pay(placed.checkout)).body.status).toBe('succeeded');
    await expectSold(placed);
  });

  test('every event is lost: the deadline finds the payment under way, and the success in the end', async () => {
    await world.webhooks({ mode: 'drop' });
    const placed = await payByBank();
    await world.env.sleep('10 minutes');
    await world.reach(placed.checkout, 'payment_processing');
    expect(await placed.stock()).toBe(placed.stockBefore - 1);
    await bank(placed, 'settle');
    await world.finish(placed.checkout);
    await expectSold(placed);
  });
});

describe.each(['the run still asks', 'the run is gone'])('the longest hold is over, and %s', (who) => {
  async function unresolved(units?: number): Promise<Placed> {
    const placed = await processing(units);
    await ageCheckout(world.pool, placed.checkout.checkout_id, WINDOW_SECONDS + HOLD_MAX_SECONDS + 1);
    await world.env.sleep('10 minutes');
    await world.reach(placed.checkout, 'expired');
    expect((await get(placed, '')).body).toMatchObject({
      failure_code: 'payment_unresolved',
      message: expect.not.stringContaining('not charged'),
    });
    expect(await openIncidents(placed)).toContain('payment_unresolved');
    expect(await placed.stock()).toBe(placed.stockBefore);
    if (who === 'the run is gone') await runOf(placed).terminate('test');
    return placed;
  }

  test('the money comes and the units are free: an order after all', async () => {
    const placed = await unresolved();
    await bank(placed, 'settle');
    await expectSold(placed);
    expect(await openIncidents(placed)).toEqual([]);
  });

  test('the money comes and the units are gone: given back, once', async () => {
    const placed = await unresolved(1);
    await takeAll(world, placed);
    await bank(placed, 'settle');
    await world.reach(placed.checkout, 'refunded');
    const { refunds } = await readLedger(world.simulatorUrl);
    const own = refunds.filter((refund) => refund.payment_intent === placed.checkout.payment_intent_id);
    expect(own).toMatchObject([{ amount: placed.checkout.amount }]);
    expect(await openIncidents(placed)).toEqual([]);
  });

  test('the bank refuses: it stays as it is, nobody can pay it any more, and no person is needed', async () => {
    const placed = await unresolved();
    await bank(placed, 'fail');
    await expectGivenUp(placed, 'expired');
    await until('no open incident', async () => (await openIncidents(placed)).length === 0);
  });
});
