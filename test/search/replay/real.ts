// One path on the real parts: the product's activities, its SQL, and the simulator over HTTP, each step as the models take it.
/* oxlint-disable typescript/switch-exhaustiveness-check -- commands that are Temporal's alone change nothing here */
import { randomUUID } from 'node:crypto';

import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Pool } from 'pg';
import Stripe from 'stripe';

import {
  createMainActivities,
  createStripeActivities,
  createStripeCreateActivities,
} from '../../../activities';
import type { ActivityDeps } from '../../../activities';
import { cancelOrphan } from '../../../activities/stripe-calls';
import { bindPaymentIntent, confirmCheckout, openCheckout } from '../../../db/checkouts';
import { cleanupExpiredReservations } from '../../../db/cleanup';
import { postJson } from '../../support/ledger';
import type { CheckoutCommand, SettlementCommand } from '../../../workflows/decision/commands';
import { EXTENSION_SECONDS } from '../moves';
import { AMOUNT, eventOf } from '../model/stripe';
import type { Who, World } from '../world';
import { Gate, gated, type Call } from './gate';

export interface Parts {
  pool: Pool;
  stripe: Stripe;
  simulatorUrl: string;
  holdfastEnv: string;
}

type Command = CheckoutCommand | SettlementCommand;

/** An activity under way, and the reply that is held back until the path lets it have it. */
interface Attempt {
  gate: Gate;
  over: Promise<unknown>;
  isOver: boolean;
  result: unknown;
  held: (() => void) | null;
}

const GRACE_SECONDS = 600;
const STRIPE_STEP =
  /create|end_payment|capture|refund|record_money|look|buyer|debit|dashboard|authorisation|orphan|arrives/;
const DATABASE_STEP =
  /open|renew|secure|confirm|release|close_|record_|extend|delivers|stores|lapses|takes back|rival|deadline|hold/;

export class Real {
  readonly checkoutId = randomUUID();
  readonly intents: string[] = [];
  private readonly attempts: Record<Who | 'late', Attempt | null> = { run: null, settle: null, late: null };
  private readonly delayed: (() => Promise<unknown>)[] = [];
  private readonly parts: Parts;
  private readonly productId: string;
  private readonly captureMethod: World['captureMethod'];

  constructor(parts: Parts, productId: string, captureMethod: World['captureMethod']) {
    this.parts = parts;
    this.productId = productId;
    this.captureMethod = captureMethod;
  }

  private deps(gate: Gate | null): ActivityDeps {
    const { pool, stripe, holdfastEnv } = this.parts;
    const isManual = this.captureMethod === 'manual';
    return {
      pool,
      stripe: gate === null ? stripe : gated(stripe, gate),
      holdfastEnv,
      batches: { openCheckout: (input) => openCheckout(pool, input), confirmCheckout: (input) => confirmCheckout(pool, input) },
      policy: { windowSeconds: 300, paymentAttemptsMax: 2, reclaimGraceSeconds: GRACE_SECONDS, endPaymentPauseMaxSeconds: 5, captureMethod: this.captureMethod },
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

  /** What the path does next cannot be brought about here. */
  isPathOver = false;
  /** Whether the last step went to the database, or to Stripe. */
  isDatabaseAsked = false;
  isStripeAsked = false;

  /** `before` and `after`: the models' world around this move. */
  async take(name: string, before: World, after: World): Promise<void> {
    this.isDatabaseAsked = DATABASE_STEP.test(name);
    this.isStripeAsked = STRIPE_STEP.test(name);
    const [, ...words] = name.split(' ');
    const text = words.join(' ');
    const actor = words[0] as Who;
    const command = actor === 'run' || actor === 'settle' ? before.buyers[0]?.[actor]?.todo[0] : undefined;
    if (command !== undefined && words[1]?.replace(':', '') === command.do) {
      const [, trouble = ''] = text.split(': ');
      await this.effect(actor, command, before, after, trouble);
    } else await this.outside(name, text, before, after);
  }

  private async effect(
    who: Who,
    command: Command,
    before: World,
    after: World,
    trouble: string,
  ): Promise<void> {
    const pc = before.buyers[0]?.[who]?.pc ?? '';
    switch (command.do) {
      case 'create':
      case 'end_payment':
      case 'capture':
      case 'refund':
        return this.stepByStep(who, command, pc, after, trouble);
      case 'look':
        if (trouble !== '') return;
        return this.allTheWay(this.start(command));
      case 'record_money':
        return this.allTheWay(this.start(command), trouble);
      default:
        await this.transaction(command);
    }
  }

  private async transaction(command: Command): Promise<void> {
    const main = createMainActivities(this.deps(null));
    const { checkoutId } = this;
    const ids = (eventIds: string[]) => eventIds.map((id) => this.eventId(id));
    const run = async <A, R>(activity: (input: A) => Promise<R>, input: A) =>
      (await newEnvironment().run(activity as never, input as never)) as R;
    switch (command.do) {
      case 'open': {
        const lines = [{ dropProductId: this.productId, quantity: 1 }];
        return void (await run(main.openCheckout, { checkoutId, requestFingerprint: '', customerId: null, lines }));
      }
      case 'renew_lease':
        return run(main.renewLease, { checkoutId });
      case 'secure_units':
        return void (await run(main.secureUnits, { checkoutId }));
      case 'confirm':
        return void (await run(main.confirmCheckout, { checkoutId, paymentIntentId: this.bound(), eventIds: ids(command.eventIds) }));
      case 'release':
        return void (await run(main.releaseCheckout, { checkoutId, status: command.status, failureCode: command.failureCode, eventIds: ids(command.eventIds) }));
      case 'close_unbound':
        return void (await run(main.closeUnboundCheckout, { checkoutId, requestFingerprint: '', failureCode: command.failureCode }));
      case 'close_events':
        return run(main.closeEvents, { checkoutId, eventIds: ids(command.eventIds) });
      case 'record_decline': {
        const attempt = { ...command.attempt, id: this.eventId(command.attempt.id) };
        return void (await run(main.recordDecline, { checkoutId, eventId: this.eventId(command.eventId), attempt }));
      }
      case 'record_processing':
        return run(main.recordProcessing, { checkoutId, eventId: this.eventId(command.eventId) });
      case 'extend':
        return void (await run(main.extendCheckout, { checkoutId, requestKey: `${checkoutId} x`, seconds: EXTENSION_SECONDS }));
      default:
        return; // Temporal's own, or it only reads.
    } // prettier-ignore
  }

  private eventId(id: string): string {
    return `${this.checkoutId} ${id}`;
  }

  private bound(): string {
    return this.boundId ?? this.intents[0] ?? '';
  }
  boundId: string | null = null;

  private start(command: Command): Attempt {
    const gate = new Gate();
    const deps = this.deps(gate);
    const due = { checkoutId: this.checkoutId, amountMinor: AMOUNT, currency: 'usd' };
    const env = newEnvironment();
    const stripe = createStripeActivities(deps);
    const { createPayment } = createStripeCreateActivities(deps);
    const begin = (): Promise<unknown> => {
      switch (command.do) {
        case 'create':
          return env.run(createPayment as never, { ...due, n: command.n, reservationIds: ['r'], openedAtUnixSeconds: 100, captureMethod: this.captureMethod } as never);
        case 'end_payment':
          return env.run(stripe.endPayment as never, { ...due, n: command.n, isReleased: command.isReleased, isVoid: command.isVoid } as never);
        case 'capture':
          return env.run(stripe.capturePayment as never, { ...due, n: command.n, paymentIntentId: this.bound() } as never);
        case 'refund':
          return env.run(stripe.refundPayment as never, { checkoutId: this.checkoutId } as never);
        case 'look':
          return env.run(stripe.readPayment as never, { ...due, paymentIntentId: this.bound() } as never);
        default:
          return env.run(stripe.recordMoney as never, { checkoutId: this.checkoutId, paymentIntentId: this.bound() } as never);
      }
    }; // prettier-ignore
    const attempt: Attempt = { gate, over: Promise.resolve(), isOver: false, result: undefined, held: null };
    attempt.over = begin()
      .then((result) => (attempt.result = result))
      .catch((error: unknown) => (attempt.result = error))
      .finally(() => (attempt.isOver = true));
    return attempt;
  }

  /** Until the activity stands at its next call, or is over. */
  private async settleDown({ gate, over }: Attempt): Promise<void> {
    await Promise.race([gate.whenCalled(), over]);
  }

  private async allTheWay(attempt: Attempt, trouble = ''): Promise<void> {
    for (;;) {
      await this.settleDown(attempt);
      if (attempt.isOver) return;
      const call = attempt.gate.take();
      call.answer(await call.send());
      if (trouble === 'crash') return;
    }
  }

  private async stepByStep(
    who: Who,
    command: Command,
    pc: string,
    after: World,
    trouble: string,
  ): Promise<void> {
    if (trouble === 'not taken') return;
    if (trouble === 'crash') return this.abandon(who);
    if (trouble === 'gave up') {
      this.attempts.late = this.attempts[who];
      return this.abandon(who);
    }
    const attempt = pc === '' ? this.start(command) : (this.attempts[who] as Attempt);
    this.attempts[who] = attempt;
    const nextPc = after.buyers[0]?.[who]?.pc ?? '';
    const isAtHead = after.buyers[0]?.[who]?.todo[0]?.do === command.do;
    if (pc === 'bind' || pc === 'record') {
      attempt.held?.();
      attempt.held = null;
      await this.settleDown(attempt);
      if (trouble !== '' || attempt.isOver) this.abandon(who);
      return;
    }
    await this.settleDown(attempt);
    if (attempt.isOver) return this.abandon(who); // e.g. no refund is pending: nothing is asked.
    await this.answer(attempt, trouble, isAtHead && (nextPc === 'bind' || nextPc === 'record'));
    if (trouble === 'bank refuses') await this.answer(attempt, '', false);
    if (attempt.isOver) this.abandon(who);
  }

  /** What becomes of the call the activity stands at. `isHeld`: it hears of it with the path's next step. */
  private async answer(attempt: Attempt, trouble: string, isHeld: boolean): Promise<void> {
    const call = attempt.gate.take();
    if (trouble.startsWith('500') || trouble === 'bank refuses') await this.spoil(call, trouble);
    let reply: () => void;
    if (trouble === 'Stripe away' || trouble === 'delayed') {
      if (trouble === 'delayed') this.delayed.push(call.send);
      reply = () => call.refuse(lostReply());
    } else {
      reply = await this.send(call);
      if (trouble === 'reply lost') reply = () => call.refuse(lostReply());
    }
    if (isHeld) attempt.held = reply;
    else {
      reply();
      await this.settleDown(attempt);
    }
  }

  private async send(call: Call): Promise<() => void> {
    try {
      const reply = await call.send();
      if (call.name === 'payment_intents.create') this.note((reply as { id: string }).id);
      return () => call.answer(reply);
    } catch (error) {
      if (call.name === 'payment_intents.create') await this.noteHidden();
      return () => call.refuse(error);
    }
  }

  private note(id: string): void {
    if (!this.intents.includes(id)) this.intents.push(id);
  }

  /** A create that was executed and answered 500. */
  private async noteHidden(): Promise<void> {
    const { data } = await this.parts.stripe.paymentIntents.list({ limit: 100 });
    for (const { id, metadata } of data) if (metadata['checkout_id'] === this.checkoutId) this.note(id);
  }

  private async spoil(call: Call, trouble: string): Promise<void> {
    const match =
      call.name === 'payment_intents.create'
        ? { metadata: { checkout_id: this.checkoutId } }
        : { id: this.bound() };
    const reply = trouble === 'bank refuses' ? { status: 402, code: 'card_declined' } : { status: 500 };
    const effect = trouble === '500, done' ? 'executed' : 'none';
    await postJson(`${this.parts.simulatorUrl}/_simulator/faults`, {
      operation: call.name,
      times: 1,
      effect,
      reply,
      match,
    });
  }

  private abandon(who: Who): void {
    this.attempts[who] = null;
  }

  private async outside(name: string, text: string, before: World, after: World): Promise<void> {
    const { stripe, simulatorUrl, pool } = this.parts;
    const { checkoutId } = this;
    const bound = this.bound();
    const confirm = async (method: string) => {
      try {
        await stripe.paymentIntents.confirm(bound, { payment_method: method, return_url: 'http://127.0.0.1/' });
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeCardError)) throw error;
      }
    };
    const act = (action: string) => postJson(`${simulatorUrl}/_simulator/payment_intents/${bound}/${action}`);
    const [verb = '', word = ''] = text.split(' ');
    if (name === 'the deadline passes') return this.age('1 second');
    if (name === 'the longest hold is over') return this.age('86401 seconds');
    if (name === 'a rival buys the unit') return this.rival();
    if (text === 'buyer pays') return confirm('pm_card_visa');
    if (text === 'buyer is declined') return confirm('pm_card_visa_chargeDeclined');
    if (text === 'buyer is declined for good') return confirm('pm_card_visa_chargeDeclinedStolenCard');
    if (text === 'buyer begins 3DS') return confirm('pm_card_threeDSecure2Required');
    if (text === 'buyer pays by debit') return confirm('pm_usBankAccount_success');
    if (text === 'buyer completes 3DS') return void (await act('complete_3ds'));
    if (text === 'buyer fails 3DS') return void (await act('fail_3ds'));
    if (text === 'debit arrives') return void (await act('settle_processing'));
    if (text === 'debit fails') return void (await act('fail_processing'));
    if (text === 'authorisation expires') return void (await act('expire_authorization'));
    if (text === 'dashboard cancels') return void (await stripe.paymentIntents.cancel(bound));
    if (text === 'dashboard captures') return void (await stripe.paymentIntents.capture(bound));
    if (text === 'dashboard refunds') return void (await stripe.refunds.create({ payment_intent: bound }));
    if (verb === 'delivers' || verb === 'stores') return this.store(text.split(' ').find((part) => /^\d[a-z]/.test(part)) ?? '');
    if (text.startsWith('lease lapses'))
      return void (await pool.query(`update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`, [checkoutId]));
    if (text === 'database takes back') return void (await cleanupExpiredReservations(pool));
    if (verb === 'orphan') return cancelOrphan(this.deps(null), checkoutId, this.intents[Number(word)] ?? '');
    if (text.startsWith('arrives late')) return this.arrive(before, after);
    if (text.startsWith('late create')) return this.goOnLate(word === 'create' ? (text.split(' ')[2] ?? '') : '', before, after);
  } // prettier-ignore

  private async arrive(before: World, after: World): Promise<void> {
    const was = before.buyers[0]?.delayed ?? [];
    const is = after.buyers[0]?.delayed ?? [];
    const index = was.findIndex((one, n) => JSON.stringify(one) !== JSON.stringify(is[n]));
    const [send] = this.delayed.splice(index, 1);
    const reply = (await send?.().catch(() => null)) as { id?: string; object?: string } | null;
    if (reply?.object === 'payment_intent') this.note(reply.id ?? '');
  }

  private async goOnLate(pc: string, before: World, after: World): Promise<void> {
    const late = before.buyers[0]?.late;
    if (pc === 'post') {
      const n = Number(late?.key.split(' ')[1] ?? 0);
      const attempt = this.start({ do: 'create', n, withinMs: 0 });
      this.attempts.late = attempt;
      await this.settleDown(attempt);
      // The model's call has been under way since before the deadline; one that begins now is told that it is too late.
      if (attempt.isOver) this.isPathOver = true;
      else await this.answer(attempt, '', after.buyers[0]?.late !== null);
      return;
    }
    const attempt = this.attempts.late as Attempt;
    if (pc === 'bind') {
      attempt.held?.();
      await this.settleDown(attempt);
    } else {
      await this.answer(attempt, '', false);
    }
  }

  private async age(past: string): Promise<void> {
    await this.parts.pool.query(
      `update checkouts set expires_at = clock_timestamp() - $2::interval where id = $1`,
      [this.checkoutId, past],
    );
  }

  private async rival(): Promise<void> {
    const rival = randomUUID();
    const { pool } = this.parts;
    await openCheckout(pool, {
      checkoutId: rival,
      requestFingerprint: '',
      customerId: null,
      lines: [{ dropProductId: this.productId, quantity: 1 }],
      windowSeconds: 300,
      reclaimGraceSeconds: GRACE_SECONDS,
      paymentAttemptsMax: 2,
    });
    await bindPaymentIntent(pool, { checkoutId: rival, paymentIntentId: `pi_${rival}` });
    await confirmCheckout(pool, { checkoutId: rival, paymentIntentId: `pi_${rival}`, eventIds: [] });
  }

  private async store(id: string): Promise<void> {
    await this.parts.pool.query(
      `insert into webhook_events (event_id, type, livemode, stripe_created_at, payment_intent_id, checkout_id, payload)
       values ($1, $2, false, clock_timestamp(), $3, $4, '{}') on conflict do nothing`,
      [this.eventId(id), eventOf(id).type, this.bound(), this.checkoutId],
    );
  }
}

/** Attempts fail here on purpose, thousands of them. */
function newEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

function lostReply(): Error {
  return new Stripe.errors.StripeConnectionError({
    message: 'the reply was lost',
    type: 'api_error',
  } as never);
}
