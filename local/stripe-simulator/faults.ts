// Faults: rules of the control plane that spoil calls of the API, each a bounded number of times. Kept in memory only.

import { invalidRequest } from './errors';
import type { Form, FormValue } from './form';
import { randomId } from './ids';
import { OPERATIONS } from './operations';
import type { Route } from './operations';
import { flag, integer, metadata, oneOf, opaque, readParams, shape, text } from './params';
import type { Reader } from './params';
import { SYSTEM_RANDOM } from './random';
import type { Store } from './store';

const LATENCY_MS_MAX = 600_000;
const RULES_MAX = 200;

const OPERATION_NAMES = new Set(['*', ...OPERATIONS.map((operation) => operation.name)]);

export interface StatusReply {
  readonly status: number;
  readonly code: string | undefined;
  /** Sent as `Stripe-Should-Retry` when given. */
  readonly shouldRetry: boolean | undefined;
}

/** `foreign`: status 200 and JSON of somebody else, such as a proxy's. */
export type Reply = StatusReply | 'hang' | 'drop' | 'truncate' | 'foreign';

export interface Fault {
  /** `payment_intents.create` and so on, or `*` for every call. */
  readonly operation: string;
  readonly times: number;
  /** Calls let through before the first spoilt one. */
  readonly skip: number;
  readonly effect: 'none' | 'executed';
  readonly reply: Reply | undefined;
  /** Before execution; the idempotency key counts as in flight meanwhile. */
  readonly latencyMs: number;
  /** After execution: the answer is slow, its effect is not. */
  readonly latencyAfterMs: number;
  /** Executed before the call itself; without an `id` it is about the same PaymentIntent. */
  readonly meanwhile: { readonly operation: string; readonly params: Form } | undefined;
  /** Only calls about this PaymentIntent, or (create) with this metadata; default: every call. */
  readonly match: { readonly id: string | undefined; readonly metadata: Form | undefined } | undefined;
}

const reply: Reader<Reply> = (value, path) => {
  if (typeof value === 'string') return oneOf('hang', 'drop', 'truncate', 'foreign')(value, path);
  const given = shape({ status: integer, code: text, should_retry: flag })(value, path);
  const status = given.status ?? 0;
  if (status < 400 || status > 599) {
    throw invalidRequest('status must be between 400 and 599', { param: `${path}[status]` });
  }
  return { status, code: given.code, shouldRetry: given.should_retry };
};

function between(least: number, most: number): Reader<number> {
  return (value, path) => {
    const count = integer(value, path);
    if (count >= least && count <= most) return count;
    throw invalidRequest(`${path} must be between ${least} and ${most}`, { param: path });
  };
}

const FAULT_SPEC = {
  operation: text,
  times: between(1, 1_000_000),
  skip: between(0, 1_000_000),
  effect: oneOf('none', 'executed'),
  reply,
  latency_ms: between(0, LATENCY_MS_MAX),
  latency_after_ms: between(0, LATENCY_MS_MAX),
  meanwhile: shape({ operation: text, params: opaque }),
  match: shape({ id: text, metadata }),
};

/** A fault from the body of POST /_simulator/faults. Throws 400 with the name of what is wrong. */
export function readFault(form: Form): Fault {
  const params = readParams(FAULT_SPEC, form, { required: ['operation'] });
  const operation = params.operation ?? '';
  if (!OPERATION_NAMES.has(operation)) {
    throw invalidRequest(`Unknown operation: ${operation}. Known: ${[...OPERATION_NAMES].join(', ')}`, {
      param: 'operation',
    });
  }
  const { effect = 'executed', meanwhile, match } = params;
  if (effect === 'none' && params.reply === undefined) {
    throw invalidRequest('effect "none" needs a reply', { code: 'parameter_missing', param: 'reply' });
  }
  return {
    operation,
    times: params.times ?? 1,
    skip: params.skip ?? 0,
    effect,
    reply: params.reply,
    latencyMs: params.latency_ms ?? 0,
    latencyAfterMs: params.latency_after_ms ?? 0,
    meanwhile: meanwhile && { operation: meanwhile.operation ?? '', params: asForm(meanwhile.params) },
    match: match && { id: match.id, metadata: match.metadata ?? undefined },
  };
}

function asForm(value: FormValue | undefined): Form {
  return typeof value === 'object' ? value : {};
}

export interface FaultRule extends Fault {
  readonly id: string;
  skipped: number;
  applied: number;
}

/** What a rule is matched against. */
export interface Call {
  readonly route: Route;
  readonly form: Form;
  /** The answer is already stored: only the network can still fail. */
  readonly isReplay: boolean;
}

export class Faults {
  private rules: FaultRule[] = [];
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  add(fault: Fault): FaultRule {
    if (this.rules.length >= RULES_MAX)
      throw invalidRequest(`At most ${RULES_MAX} faults; clear them first.`);
    const rule: FaultRule = { ...fault, id: randomId(SYSTEM_RANDOM, 'fault', 8), skipped: 0, applied: 0 };
    this.rules.push(rule);
    return rule;
  }

  list(): readonly FaultRule[] {
    return this.rules;
  }

  clear(): void {
    this.rules = [];
  }

  /** The first rule that concerns this call and has applications left; counts it. */
  take(call: Call): FaultRule | undefined {
    for (const rule of this.rules) {
      if (rule.applied >= rule.times || !this.concerns(rule, call)) continue;
      if (rule.skipped < rule.skip) {
        rule.skipped += 1;
        continue;
      }
      rule.applied += 1;
      return rule;
    }
    return undefined;
  }

  private concerns(rule: FaultRule, { route, form, isReplay }: Call): boolean {
    if (rule.operation !== '*' && rule.operation !== route.operation.name) return false;
    if (isReplay && typeof rule.reply === 'object') return false;
    if (!rule.match) return true;
    const { id, metadata } = rule.match;
    const target = targetOf(route, form);
    if (id !== undefined && id !== target) return false;
    return metadata === undefined || this.hasMetadata(metadata, target, form);
  }

  private hasMetadata(wanted: Form, target: string, form: Form): boolean {
    const given = form['metadata'];
    const actual =
      this.store.get('payment_intents', target)?.object.metadata ?? (typeof given === 'object' ? given : {});
    return Object.entries(wanted).every(([key, value]) => actual[key] === value);
  }
}

/** The id a call is about: in its path, or the PaymentIntent it names ('' when neither). */
export function targetOf(route: Route, form: Form): string {
  if (route.id !== '') return route.id;
  const named = form['payment_intent'];
  return typeof named === 'string' ? named : '';
}
