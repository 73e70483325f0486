// Two hundred random sequences of everything the inventory can be asked, drawn and shrunk by fast-check, each step against a
// model in memory: the same answer, the same free units, the same reservations.
import fc from 'fast-check';
import type { Pool } from 'pg';

import { cleanupExpiredReservations } from '../../../db/cleanup';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { createDrop, createProduct, expectNoDrift } from '../support';
import { createChoices, sequences } from './choices';
import { InventoryModel } from './model';
import { nextStep } from './model-steps';
import type { World } from './model-steps';
import type { Random } from './random';

const SEQUENCES = 200;
const STEPS = 24;
/** Another run: HOLDFAST_TEST_SEED=7. */
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 1);
/** Twenty seconds on two idle cores at most; the rest is for a machine that others use. */
const RUN_MAX_MS = 180_000;

/** Side by side, each on a database of its own: cleanup takes whatever is dead in the whole of one. */
const LANES = 4;

let databases: TestDatabase[];
beforeAll(async () => {
  databases = await Promise.all(Array.from({ length: LANES }, createTestDatabase));
});
afterAll(() => Promise.all(databases.map((db) => db.drop())));

test(
  `${SEQUENCES} random sequences of up to ${STEPS} steps answer and end as the model does`,
  async () => {
    const answers = new Set<string>();
    const lane = async ({ pool }: TestDatabase, n: number): Promise<void> => {
      await fc.assert(
        fc.asyncProperty(sequences(STEPS), (sequence) => runSequence(pool, sequence, answers)),
        // Shrinking a failure ends in time to be read.
        { numRuns: SEQUENCES / LANES, seed: SEED * LANES + n, interruptAfterTimeLimit: RUN_MAX_MS / 2 },
      );
      await expectNoDrift(pool);
    };
    await Promise.all(databases.map(lane));
    // A generator that never gets anywhere would agree with anything.
    for (const answer of [
      'opened', 'insufficient_inventory', 'purchase_limit_reached', 'too_many_open_checkouts', 'bound', 'closed',
      'confirmed', 'refund_pending', 'canceled', 'expired', 'true', 'false', 'error',
    ]) expect(answers).toContain(answer); // prettier-ignore
  },
  RUN_MAX_MS,
);

async function runSequence(
  pool: Pool,
  { setUp, steps }: { setUp: number[]; steps: number[][] },
  answers: Set<string>,
): Promise<void> {
  const world = await createWorld(pool, createChoices(setUp));
  const done: string[] = [];
  try {
    for (const choices of steps) {
      world.random = createChoices(choices);
      const { name, expected, run } = nextStep(world);
      done.push(name);
      const answer = await run();
      const story = done.join('\n');
      expect({ story, answer, state: await readState(world) }).toEqual({
        story,
        answer: expected,
        state: stateOf(world),
      });
      for (const word of answer.split(' ')) answers.add(word);
    }
  } finally {
    // The next sequence's cleanup must find its own dead holds only.
    await cleanupExpiredReservations(pool);
  }
}

async function createWorld(pool: Pool, random: Random): Promise<World> {
  const model = new InventoryModel();
  const dropId = await createDrop(pool);
  // A third of the worlds is rich, so that other bounds than stock are met as well.
  const isRich = random.chance(0.33);
  for (const limit of [null, null, 2 + random.below(3)]) {
    const total = isRich ? 60 : 1 + random.below(8);
    const maxPerCustomer = isRich ? null : limit;
    const id = await createProduct(pool, { total, maxPerCustomer, dropId });
    model.products.set(id, { total, free: total, maxPerCustomer });
  }
  const products = [...model.products.keys()];
  const customers = isRich ? 1 : 3;
  return { pool, model, random, products, customers, checkouts: [], bare: [], lapses: new Map() };
}

interface State {
  free: Record<string, number>;
  /** Status and units by owner and product. */
  holds: Record<string, string>;
}

function stateOf({ model }: World): State {
  const owned = [
    ...[...model.checkouts].map(([id, { holds }]) => ({ id, holds })),
    ...[...model.bare].map(([id, holds]) => ({ id, holds })),
  ];
  return {
    free: Object.fromEntries([...model.products].map(([id, { free }]) => [id, free])),
    holds: Object.fromEntries(
      owned.flatMap(({ id, holds }) =>
        holds.map(({ product, units, status }) => [`${id} ${product}`, `${status} ${units}`]),
      ),
    ),
  };
}

async function readState({ pool, products }: { pool: Pool; products: readonly string[] }): Promise<State> {
  const { rows } = await pool.query<State>(
    `select
       (select jsonb_object_agg(id, available_inventory) from drop_products where id = any ($1)) as free,
       coalesce(jsonb_object_agg(coalesce(r.checkout_id::text, r.payment_intent_id) || ' ' || r.drop_product_id,
         r.status || ' ' || r.quantity) filter (where r.id is not null), '{}') as holds
     from inventory_reservations r where r.drop_product_id = any ($1)`,
    [products],
  );
  const [state] = rows;
  if (!state) throw new Error('no answer');
  return state;
}
