// Switches turned while checkouts are in flight: workers that disagree, then all off, then all on again.
import type { Settlement } from '../../activities/deps';
import { CAPTURE_METHODS } from '../../contracts/checkout';
import { addProduct } from '../support/orders';
import type { CreateBody } from '../support/shop';
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
});
