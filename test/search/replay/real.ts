// One path on the real parts: the product's activities, its SQL, and the simulator over HTTP, each step as the models take it.
/* oxlint-disable typescript/switch-exhaustiveness-check -- commands that are Temporal's alone change nothing here */
import { randomUUID } from 'node:crypto';

import Stripe from 'stripe';

import { postJson } from '../../support/ledger';
import type { Who, World } from '../world';
import { begin, boundOf, transact, type Attempt, type Command, type Parts, type Subject } from './activities';
import type { Call } from './gate';
import { happen } from './outside';

const STRIPE_STEP =
  /create|end_payment|capture|refund|record_money|look|buyer|debit|dashboard|authorisation|orphan|arrives/;
const DATABASE_STEP =
  /open|renew|secure|confirm|release|close_|record_|extend|delivers|stores|lapses|takes back|rival|deadline|hold/;

export class Real implements Subject {
  readonly checkoutId = randomUUID();
  readonly intents: string[] = [];
  boundId: string | null = null;
  private readonly attempts: Record<Who | 'late', Attempt | null> = { run: null, settle: null, late: null };
  private readonly delayed: (() => Promise<unknown>)[] = [];
  readonly parts: Parts;
  readonly productId: string;
  readonly captureMethod: World['captureMethod'];

  constructor(parts: Parts, productId: string, captureMethod: World['captureMethod']) {
    this.parts = parts;
    this.productId = productId;
    this.captureMethod = captureMethod;
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
        return this.allTheWay(begin(this, command));
      case 'record_money':
        return this.allTheWay(begin(this, command), trouble);
      default:
        await transact(this, command);
    }
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
    const attempt = pc === '' ? begin(this, command) : (this.attempts[who] as Attempt);
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
        : { id: boundOf(this) };
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
    const [, , pc = ''] = text.split(' ');
    if (text.startsWith('arrives late')) return this.arrive(before, after);
    if (!text.startsWith('late create')) return happen(this, name, text);
    return this.goOnLate(pc, before, after);
  }

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
      const attempt = begin(this, { do: 'create', n, withinMs: 0 });
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
}

function lostReply(): Error {
  return new Stripe.errors.StripeConnectionError({
    message: 'the reply was lost',
    type: 'api_error',
  } as never);
}
