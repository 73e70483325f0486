// Stripe for an activity that is walked through step by step: each of its calls waits until the path says what becomes of it.
import type Stripe from 'stripe';

export interface Call {
  name: string;
  /** The real call, over HTTP. */
  send: () => Promise<unknown>;
  answer: (reply: unknown) => void;
  refuse: (error: unknown) => void;
}

/** One activity under way: either at a call, or over. */
export class Gate {
  call: Call | null = null;
  private wake: () => void = () => undefined;
  private arrived = this.next();

  private next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  /** Resolves once the activity asks Stripe for something. */
  whenCalled(): Promise<void> {
    return this.arrived;
  }

  through(name: string, send: () => Promise<unknown>): Promise<unknown> {
    return new Promise((answer, refuse) => {
      this.call = { name, send, answer, refuse };
      this.wake();
    });
  }

  take(): Call {
    const { call } = this;
    if (call === null) throw new Error('the activity has not asked Stripe for anything');
    this.call = null;
    this.arrived = this.next();
    return call;
  }
}

/** The part of the SDK that activities use, each call through the gate. */
export function gated(stripe: Stripe, gate: Gate): Stripe {
  const wrap = <T extends object>(resource: string, target: T): T =>
    new Proxy(target, {
      get: (object, method) => {
        const member: unknown = Reflect.get(object, method);
        if (typeof member !== 'function' || typeof method !== 'string') return member;
        const send = member.bind(object) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => gate.through(`${resource}.${method}`, () => send(...args));
      },
    });
  return {
    paymentIntents: wrap('payment_intents', stripe.paymentIntents),
    refunds: wrap('refunds', stripe.refunds),
    disputes: wrap('disputes', stripe.disputes),
  } as unknown as Stripe;
}
