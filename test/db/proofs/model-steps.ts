// One random step: what the model says it does, and the same on the database.
import type { Pool } from 'pg';

import { openCheckouts } from '../../../db/checkout-batches';
import {
  bindPaymentIntent,
  closeUnboundCheckout,
  confirmCheckout,
  openCheckout,
  releaseCheckout,
  renewLease,
} from '../../../db/checkouts';
import type { OpenInput, OpenOutcome } from '../../../db/checkouts';
import { cleanupExpiredReservations } from '../../../db/cleanup';
import { RefusedByDatabaseError, toDatabaseError } from '../../../db/errors';
import { adjustTotalInventory } from '../../../db/stock';
import { ageCheckout } from '../../support/database';
import { confirm, GRACE_SECONDS, HOLD_MAX_SECONDS, line, openInput, release, reserve } from '../support';
import type { InventoryModel, OpenRequest } from './model';
import type { ModelLine } from './model-stock';
import type { Random } from './random';

export interface World {
  pool: Pool;
  model: InventoryModel;
  random: Random;
  products: readonly string[];
  /** So many different ones; fewer have more open at once. */
  customers: number;
  checkouts: OpenRequest[];
  bare: { id: string; lines: ModelLine[] }[];
  /** How often each checkout's lease was let lapse: past a day its hold would end for good. */
  lapses: Map<string, number>;
}

export interface Step {
  /** For whoever reads a failure. */
  name: string;
  expected: string;
  run: () => Promise<string>;
}

const LAPSES_MAX = 6;

/** Decides on a step and tells it to the model; `run` does it. */
export function nextStep(world: World): Step {
  const { random } = world;
  const roll = random.below(100);
  if (roll < 22 || world.checkouts.length === 0) return open(world);
  if (roll < 30) return openBatch(world);
  if (roll < 38) return cleanUpOrAdjust(world);
  if (roll < 60) return onCheckout(world, likelyCheckout(world));
  if (roll < 80) return payment(world, likelyCheckout(world));
  return onBare(world);
}

/** Mostly one that got its units: there more can happen. */
function likelyCheckout({ random, model, checkouts }: World): OpenRequest {
  const lucky = checkouts.filter(({ id }) => model.checkouts.get(id)?.status !== 'refused');
  return random.pick(lucky.length > 0 && random.chance(0.8) ? lucky : checkouts);
}

function open(world: World): Step {
  const request = requested(world);
  const expected = world.model.open(request);
  return step(`open ${describe(request)}`, expected, async () =>
    outcomeOf(await openCheckout(world.pool, inputOf(request))),
  );
}

function openBatch(world: World): Step {
  const requests = new Map<string, OpenRequest>();
  for (let n = 2 + world.random.below(5); n > 0; n -= 1) {
    const request = requested(world);
    requests.set(request.id, request);
  }
  const members = [...requests.values()];
  const expected = world.model.openBatch(members).join(' ');
  return step(`open batch ${members.map(describe).join(' & ')}`, expected, async () => {
    const answers = await openCheckouts(world.pool, members.map(inputOf));
    return answers.map((one) => (one === null ? 'single' : outcomeOf(one))).join(' ');
  });
}

function onCheckout(world: World, { id }: OpenRequest): Step {
  const { model, pool, random } = world;
  const roll = random.below(10);
  if (roll < 6) {
    return step(`bind ${id}`, model.bind(id), async () => {
      const { outcome } = await bindPaymentIntent(pool, { checkoutId: id, paymentIntentId: `pi_${id}` });
      return outcome;
    });
  }
  if (roll < 7) {
    return step(`close unbound ${id}`, model.closeUnbound(id), async () => {
      const closed = await closeUnboundCheckout(pool, {
        checkoutId: id, requestFingerprint: 'fingerprint', failureCode: 'checkout_not_opened',
      }); // prettier-ignore
      return closed.outcome === 'bound' ? 'bound' : closed.status;
    });
  }
  const lapses = world.lapses.get(id) ?? 0;
  if (roll < 9 && lapses < LAPSES_MAX) {
    world.lapses.set(id, lapses + 1);
    model.letLeaseLapse(id);
    return step(`let lapse ${id}`, 'done', async () => {
      await ageCheckout(pool, id, 10_000);
      return 'done';
    });
  }
  return step(`renew ${id}`, model.renew(id), async () => {
    const lease = { checkoutId: id, reclaimGraceSeconds: GRACE_SECONDS, holdMaxSeconds: HOLD_MAX_SECONDS };
    return String((await renewLease(pool, lease)).renewed);
  });
}

function payment(world: World, { id }: OpenRequest): Step {
  const { model, pool, random } = world;
  if (random.chance(0.6)) {
    return step(`confirm ${id}`, model.confirm(id), async () => {
      const paid = { checkoutId: id, paymentIntentId: `pi_${id}`, eventIds: [] };
      return (await confirmCheckout(pool, paid)).status;
    });
  }
  const status = random.pick(['expired', 'canceled'] as const);
  return step(`release ${id} as ${status}`, model.release(id, status), async () => {
    const ended = { checkoutId: id, status, failureCode: null, eventIds: [] };
    return (await releaseCheckout(pool, ended)).status;
  });
}

function onBare(world: World): Step {
  const { model, pool, random } = world;
  const roll = random.below(10);
  if (roll < 5 || world.bare.length === 0) {
    const isAgain = world.bare.length > 0 && random.chance(0.5);
    const known = isAgain ? random.pick(world.bare) : { id: `pi_${random.uuid()}`, lines: linesOf(world) };
    if (!isAgain) world.bare.push(known);
    const lines = random.chance(0.8) ? known.lines : linesOf(world);
    const isDead = random.chance(0.4);
    const expected = model.reserve(known.id, lines, isDead);
    return step(`reserve ${known.id} ${JSON.stringify(lines)} ${isDead ? 'dead' : ''}`, expected, async () =>
      String(await reserve(pool, known.id, lines.map(toLine), isDead ? 0 : 5)),
    );
  }
  const { id } = random.pick(world.bare);
  if (roll < 8)
    return step(`confirm ${id}`, model.confirmBare(id), async () => String(await confirm(pool, id)));
  return step(`release ${id}`, model.releaseBare(id), async () => String(await release(pool, id)));
}

function cleanUpOrAdjust(world: World): Step {
  const { model, pool, random } = world;
  if (random.chance(0.5)) {
    return step('cleanup', model.cleanup(), async () => String(await cleanupExpiredReservations(pool)));
  }
  const product = random.pick(world.products);
  const units = random.below(9) - 4 || 1;
  const adjustment = { requestKey: random.uuid(), dropProductId: product, units, who: 'test', why: 'model' };
  return step(`adjust ${product} by ${units}`, model.adjust(product, units), async () =>
    String((await adjustTotalInventory(pool, adjustment)).available),
  );
}

/** A new checkout, or now and then a known one once more. */
function requested(world: World): OpenRequest {
  const { random } = world;
  if (world.checkouts.length > 0 && random.chance(0.15)) return random.pick(world.checkouts);
  const customer = random.chance(0.3) ? null : `${world.products[0]} ${random.below(world.customers)}`;
  const request = { id: random.uuid(), customer, lines: linesOf(world) };
  world.checkouts.push(request);
  return request;
}

/** One to three lines in any order; now and then two of the same product. */
function linesOf({ random, products }: World): ModelLine[] {
  return Array.from({ length: 1 + random.below(3) }, () => ({
    product: random.pick(products),
    units: 1 + random.below(3),
  }));
}

function inputOf({ id, customer, lines }: OpenRequest): OpenInput {
  return openInput(lines.map(toLine), { checkoutId: id, customerId: customer });
}

function toLine({ product, units }: ModelLine): OpenInput['lines'][number] {
  return line(product, units);
}

function outcomeOf(outcome: OpenOutcome): string {
  if (outcome.outcome === 'opened') return 'opened';
  return outcome.status === 'refused' ? (outcome.failureCode ?? outcome.status) : outcome.status;
}

function describe(request: OpenRequest): string {
  return JSON.stringify(request);
}

/** A refusal of the database's own functions is an answer as well. */
function step(name: string, expected: string, act: () => Promise<string>): Step {
  const run = async (): Promise<string> => {
    try {
      return await act();
    } catch (error) {
      if (toDatabaseError(error) instanceof RefusedByDatabaseError) return 'error';
      throw error;
    }
  };
  return { name, expected, run };
}
