// The product's activities for one checkout: on the real database, and at Stripe step by step.
/* oxlint-disable typescript/switch-exhaustiveness-check -- commands that are Temporal's alone change nothing here */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Pool } from 'pg';
import type Stripe from 'stripe';

import {
  createMainActivities,
  createStripeActivities,
  createStripeCreateActivities,
} from '../../../activities';
import type { ActivityDeps } from '../../../activities';
import { confirmCheckout, openCheckout } from '../../../db/checkouts';
import type { CheckoutCommand, SettlementCommand } from '../../../workflows/decision/commands';
import { AMOUNT } from '../model/stripe';
import { EXTENSION_SECONDS } from '../moves';
import type { World } from '../world';
import { Gate, gated } from './gate';

export interface Parts {
  pool: Pool;
  stripe: Stripe;
  simulatorUrl: string;
  holdfastEnv: string;
}

/** Whose activities these are. */
export interface Subject {
  readonly parts: Parts;
  readonly checkoutId: string;
  readonly productId: string;
  readonly captureMethod: World['captureMethod'];
  /** At Stripe, in the order of their making. */
  readonly intents: string[];
  /** As the row has it. */
  boundId: string | null;
}

export type Command = CheckoutCommand | SettlementCommand;

/** An activity under way, and the reply that is held back until the path lets it have it. */
export interface Attempt {
  gate: Gate;
  over: Promise<unknown>;
  isOver: boolean;
  result: unknown;
  held: (() => void) | null;
}

export const GRACE_SECONDS = 600;

export function eventIdOf({ checkoutId }: Subject, id: string): string {
  return `${checkoutId} ${id}`;
}

export function boundOf({ boundId, intents }: Subject): string {
  return boundId ?? intents[0] ?? '';
}

/** What the product's activities run on; with a gate, every call to Stripe waits at it. */
export function depsOf({ parts, captureMethod }: Subject, gate: Gate | null): ActivityDeps {
  const { pool, stripe, holdfastEnv } = parts;
  const isManual = captureMethod === 'manual';
  return {
    pool,
    stripe: gate === null ? stripe : gated(stripe, gate),
    holdfastEnv,
    batches: { openCheckout: (input) => openCheckout(pool, input), confirmCheckout: (input) => confirmCheckout(pool, input) },
    policy: { windowSeconds: 300, paymentAttemptsMax: 2, reclaimGraceSeconds: GRACE_SECONDS, endPaymentPauseMaxSeconds: 5, captureMethod },
    holdMaxSeconds: 86_400,
    paymentMethodTypes: isManual ? ['card'] : ['card', 'us_bank_account'],
    createsPerSecond: 1_000,
    reservations: () => 'on',
    settlement: () => 'on',
    runs: {
      startSettlement: () => Promise.resolve(),
      isCheckoutRunning: () => Promise.resolve(false),
      signalCheckout: () => Promise.resolve(false),
      askCheckout: () => Promise.resolve(false),
      cancelByOperator: () => Promise.resolve(null),
      extendCheckout: () => Promise.resolve(null),
      readCheckoutRun: () => Promise.resolve({ state: 'unknown' }),
    },
  } as ActivityDeps; // prettier-ignore
}

/** A command that is one transaction, or none. */
export async function transact(subject: Subject, command: Command): Promise<void> {
  const main = createMainActivities(depsOf(subject, null));
  const { checkoutId, productId } = subject;
  const ids = (eventIds: string[]) => eventIds.map((id) => eventIdOf(subject, id));
  const run = async <A, R>(activity: (input: A) => Promise<R>, input: A) =>
    (await newEnvironment().run(activity as never, input as never)) as R;
  switch (command.do) {
    case 'open': {
      const lines = [{ dropProductId: productId, quantity: 1 }];
      return void (await run(main.openCheckout, { checkoutId, requestFingerprint: '', customerId: null, lines }));
    }
    case 'renew_lease':
      return run(main.renewLease, { checkoutId });
    case 'secure_units':
      return void (await run(main.secureUnits, { checkoutId }));
    case 'confirm':
      return void (await run(main.confirmCheckout, { checkoutId, paymentIntentId: boundOf(subject), eventIds: ids(command.eventIds) }));
    case 'release':
      return void (await run(main.releaseCheckout, { checkoutId, status: command.status, failureCode: command.failureCode, eventIds: ids(command.eventIds) }));
    case 'close_unbound':
      return void (await run(main.closeUnboundCheckout, { checkoutId, requestFingerprint: '', failureCode: command.failureCode }));
    case 'close_events':
      return run(main.closeEvents, { checkoutId, eventIds: ids(command.eventIds) });
    case 'record_decline': {
      const attempt = { ...command.attempt, id: eventIdOf(subject, command.attempt.id) };
      return void (await run(main.recordDecline, { checkoutId, eventId: eventIdOf(subject, command.eventId), attempt }));
    }
    case 'record_processing':
      return run(main.recordProcessing, { checkoutId, eventId: eventIdOf(subject, command.eventId) });
    case 'extend':
      return void (await run(main.extendCheckout, { checkoutId, requestKey: `${checkoutId} x`, seconds: EXTENSION_SECONDS }));
    default:
      return; // Temporal's own, or it only reads.
  } // prettier-ignore
}

/** Begins an activity that asks Stripe. */
export function begin(subject: Subject, command: Command): Attempt {
  const gate = new Gate();
  const deps = depsOf(subject, gate);
  const due = { checkoutId: subject.checkoutId, amountMinor: AMOUNT, currency: 'usd' };
  const env = newEnvironment();
  const stripe = createStripeActivities(deps);
  const { createPayment } = createStripeCreateActivities(deps);
  const run = (): Promise<unknown> => {
    switch (command.do) {
      case 'create':
        return env.run(createPayment as never, { ...due, n: command.n, reservationIds: ['r'], openedAtUnixSeconds: 100, captureMethod: subject.captureMethod } as never);
      case 'end_payment':
        return env.run(stripe.endPayment as never, { ...due, n: command.n, isReleased: command.isReleased, isVoid: command.isVoid } as never);
      case 'capture':
        return env.run(stripe.capturePayment as never, { ...due, n: command.n, paymentIntentId: boundOf(subject) } as never);
      case 'refund':
        return env.run(stripe.refundPayment as never, { checkoutId: subject.checkoutId } as never);
      case 'look':
        return env.run(stripe.readPayment as never, { ...due, paymentIntentId: boundOf(subject) } as never);
      default:
        return env.run(stripe.recordMoney as never, { checkoutId: subject.checkoutId, paymentIntentId: boundOf(subject) } as never);
    }
  }; // prettier-ignore
  const attempt: Attempt = { gate, over: Promise.resolve(), isOver: false, result: undefined, held: null };
  attempt.over = run()
    .then((result) => (attempt.result = result))
    .catch((error: unknown) => (attempt.result = error))
    .finally(() => (attempt.isOver = true));
  return attempt;
}

/** Attempts fail here on purpose, thousands of them. */
function newEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}
