// The models of test/search against the real parts: random paths, each step taken by the models, by the product's activities, its
// SQL and the simulator over HTTP; after each step both show the same. Not replayed: what is Temporal's alone (signals, timers, starting
// settlement), which changes neither rows nor payments.
import Stripe from 'stripe';

import { startSimulator } from '../../local/stripe-simulator';
import { movesOf, newWorld, type NextMove } from '../search/moves';
import type { Parts } from '../search/replay/activities';
import { Real } from '../search/replay/real';
import { seenIn, seenOn } from '../search/replay/state';
import { PRODUCT } from '../search/rules';
import type { World } from '../search/world';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { createRandom, type Random } from './proofs/random';
import { createDrop } from './support';

const PATHS = Number(process.env['HOLDFAST_TEST_PATHS'] ?? 1_000);
const STEPS_MAX = 35;
/** Another run: HOLDFAST_TEST_SEED=7. */
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 1);
const LANES = 4;
const RUN_MAX_MS = 400_000;

interface Lane {
  parts: Parts;
  dropId: string;
  close: () => Promise<void>;
}
let lanes: Lane[] = [];

beforeAll(async () => {
  lanes = await Promise.all(Array.from({ length: LANES }, openLane));
});
afterAll(() => Promise.all(lanes.map(({ close }) => close())));

async function openLane(): Promise<Lane> {
  const database: TestDatabase = await createTestDatabase();
  const simulator = await startSimulator({ port: 0, dataDir: null });
  const { pool, holdfastEnv } = database;
  const stripe = new Stripe('sk_test_simulator', { host: '127.0.0.1', port: simulator.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false }); // prettier-ignore
  const close = async () => {
    await simulator.close();
    await database.drop();
  };
  return {
    parts: { pool, stripe, simulatorUrl: simulator.url, holdfastEnv },
    dropId: await createDrop(pool),
    close,
  };
}

test(
  `${PATHS} random paths end on the real parts as in the models`,
  async () => {
    let steps = 0;
    const names = new Set<string>();
    const walk = async (lane: Lane, first: number) => {
      for (let n = first; n < PATHS; n += LANES) {
        const taken = await walkOne(lane, SEED * 100_000 + n, names);
        steps += taken;
      }
    };
    await Promise.all(lanes.map(walk));
    console.info(`seed ${SEED}: ${PATHS} paths, ${steps} steps, ${names.size} kinds of step`);
    // A generator that never gets anywhere would agree with anything.
    expect(steps).toBeGreaterThan(PATHS * 8);
    for (const name of ['run confirm', 'run release', 'run capture', 'run end_payment post', 'settle refund post', 'settle refund record'])
      expect([...names]).toContain(`n ${name}`); // prettier-ignore
  },
  RUN_MAX_MS,
);

async function walkOne({ parts, dropId }: Lane, seed: number, names: Set<string>): Promise<number> {
  const random = createRandom(seed);
  const captureMethod = random.chance(0.5) ? 'manual' : 'automatic';
  const left = { trouble: 2, setback: 2, person: 1, cancel: 1, operator: 1, extend: 1, terminate: 1, lapse: 1, rival: 1, holdMax: 1 }; // prettier-ignore
  let world: World = newWorld({ captureMethod, buyers: 1, left });
  const { rows } = await parts.pool.query<{ id: string }>(
    `insert into drop_products (drop_id, name, unit_price_minor, total_inventory) values ($1, 'Test', 2500, 1) returning id`,
    [dropId],
  );
  const productId = rows[0]?.id ?? '';
  const real = new Real(parts, productId, captureMethod);
  const isUnlucky = random.chance(0.4);
  const path = [`seed ${seed}, ${captureMethod}`];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const moves = movesOf(world, PRODUCT);
    if (moves.length === 0) break;
    const move = choose(random, moves, isUnlucky);
    const before = structuredClone(world);
    const after = structuredClone(world);
    move.apply(after);
    path.push(move.name);
    names.add(move.name.replaceAll(/\d/g, 'n'));
    await real.take(move.name, before, after);
    if (real.isPathOver) break;
    world = after;
    const isLast = step === STEPS_MAX - 1;
    const isMoneyAsked = isLast || real.isStripeAsked;
    if (!isMoneyAsked && !real.isDatabaseAsked) continue;
    const seen = await seenOn(parts, real, productId, isMoneyAsked);
    expect({ path, seen }).toEqual({ path, seen: seenIn(world, isMoneyAsked) });
  }
  return path.length - 1;
}

/** Towards money that comes too late: rare among all that may happen, and the way to a refund. */
const UNLUCKY = /buyer pays$|deadline|lapses|takes back|rival/;

function choose(random: Random, moves: NextMove[], isUnlucky: boolean): NextMove {
  const unlucky = moves.filter(({ name }) => UNLUCKY.test(name));
  if (isUnlucky && unlucky.length > 0 && random.chance(0.8)) return random.pick(unlucky);
  const own = moves.filter(({ isOwn }) => isOwn);
  return random.pick(own.length > 0 && random.chance(0.7) ? own : moves);
}
