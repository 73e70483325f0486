// Switches turned while checkouts are in flight: workers that disagree, then all off, then all on again.
import type { Settlement } from '../../activities/deps';
import { CAPTURE_METHODS } from '../../contracts/checkout';
import { addProduct } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

const BUYERS = 30;

describe.each(CAPTURE_METHODS)('%s capture', (captureMethod) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open({ policy: { captureMethod } });
  });
  afterAll(() => world?.close());

  /** A rolling restart: each call may meet a worker with either value. */
  function disagreeing(): () => Settlement {
    let calls = 0;
    return () => ((calls += 1) % 3 === 0 ? 'on' : 'paused');
  }

  const statusesOf = async (checkouts: CreateBody[]) =>
    (await Promise.all(checkouts.map((one) => world.shop.read(one)))).map(({ status }) => status);

  test('SETTLEMENT: all end by themselves, each as its buyer left it', async () => {
    const productId = await addProduct(world, BUYERS);
    const open = () => world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
    const openSome = (count: number) => Promise.all(Array.from({ length: count }, open));
    const leaveThem = async (checkouts: CreateBody[]) => {
      // A third pays, a third gives up, a third goes away.
      await Promise.all(checkouts.filter((_, n) => n % 3 === 0).map((one) => world.pay(one)));
      await Promise.all(checkouts.filter((_, n) => n % 3 === 1).map((one) => world.shop.cancel(one)));
    };
    world.settlement = disagreeing();
    const first = await openSome(BUYERS / 2);
    await leaveThem(first);
    await world.env.sleep('1 minute');
    world.settlement = () => 'paused';
    const second = await openSome(BUYERS / 2);
    await leaveThem(second);
    await world.env.sleep('20 minutes');
    expect(new Set(await statusesOf(second))).toEqual(new Set(['awaiting_payment']));
    expect(await world.brokenInvariants()).toEqual([]);

    world.settlement = disagreeing();
    await world.env.sleep('10 minutes');
    world.settlement = () => 'on';
    const all = [...first, ...second];
    // One after the other: the server skips time for one waiting client at a time.
    for (const one of all) await world.finish(one);
    expect(await statusesOf(all)).toEqual(
      all.map((_, n) => ['confirmed', 'canceled', 'expired'][(n % (BUYERS / 2)) % 3]),
    );
    expect(await world.shop.available(productId)).toBe(BUYERS - BUYERS / 3);
    expect(await world.brokenInvariants()).toEqual([]);
  });

  test('RESERVATIONS: who holds is served; who does not gets a unit or the money back, never half of it', async () => {
    const productId = await addProduct(world, 10);
    const open = () => world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
    const openSome = (count: number) => Promise.all(Array.from({ length: count }, open));
    world.settlement = () => 'on';
    const holding = await openSome(4);
    world.reservations = () => 'check-only';
    const asking = await openSome(12);
    expect(await world.shop.available(productId)).toBe(6);
    expect(await world.shop.read(asking[0] as CreateBody)).toMatchObject({
      status: 'awaiting_payment',
      message: expect.stringMatching(/not held/),
    });
    // Workers with either value, and buyers who pay, go away or give up.
    let opens = 0;
    world.reservations = () => ((opens += 1) % 2 === 0 ? 'on' : 'check-only');
    const mixed = await openSome(2);
    await Promise.all(asking.map((one) => world.pay(one)));
    await Promise.all(holding.map((one) => world.pay(one)));
    await world.shop.cancel(mixed[0] as CreateBody);
    world.reservations = () => 'on';
    const all = [...holding, ...asking, ...mixed];
    for (const one of all) await world.finish(one);

    const lost = captureMethod === 'manual' ? 'canceled' : 'refunded';
    await until('the refunds', async () =>
      (await statusesOf(asking)).every((status) => status === 'confirmed' || status === lost),
    );
    expect(await statusesOf(holding)).toEqual(holding.map(() => 'confirmed'));
    expect((await statusesOf(asking)).filter((status) => status === 'confirmed').length).toBeLessThanOrEqual(
      6,
    );
    expect(await statusesOf(mixed)).toEqual(['canceled', 'expired']);
    const sold = (await statusesOf(all)).filter((status) => status === 'confirmed').length;
    expect(sold).toBeGreaterThanOrEqual(9); // a unit may be held by the buyer who goes away
    expect(await world.shop.available(productId)).toBe(10 - sold);
    for (const one of asking) {
      const { captured, refunded } = await world.payment(one);
      const isSold = (await world.shop.read(one)).status === 'confirmed';
      expect(captured - refunded).toBe(isSold ? one.amount : 0);
      if (captureMethod === 'manual') expect(refunded).toBe(0);
    }
    expect(await world.brokenInvariants()).toEqual([]);
  });
});
