// Events that Stripe makes twice, or never: rules of the control plane, each a bounded number of times. Memory only.

import { invalidRequest } from './errors';
import type { Form } from './form';
import { randomId } from './ids';
import { integer, metadata, oneOf, readParams, shape, text } from './params';
import { SYSTEM_RANDOM } from './random';
import type { Metadata } from './types';

const RULES_MAX = 200;
const TIMES_MAX = 1_000_000;

export interface EventRule {
  readonly id: string;
  /** `payment_intent.succeeded` and so on, or `*`. */
  readonly type: string;
  readonly generate: 'twice' | 'never';
  readonly times: number;
  readonly match: { readonly id: string | undefined; readonly metadata: Metadata | undefined } | undefined;
  applied: number;
}

const RULE_SPEC = {
  type: text,
  generate: oneOf('twice', 'never'),
  times: integer,
  match: shape({ id: text, metadata }),
};

/** What a rule is matched against. */
export interface EventSubject {
  readonly type: string;
  readonly paymentIntent: string | null;
  readonly metadata: Metadata;
}

export class EventRules {
  private rules: EventRule[] = [];

  /** From the body of POST /_simulator/event_rules. Throws 400 with the name of what is wrong. */
  add(form: Form): EventRule {
    const params = readParams(RULE_SPEC, form, { required: ['generate'] });
    const times = params.times ?? 1;
    if (times < 1 || times > TIMES_MAX) {
      throw invalidRequest(`times must be between 1 and ${TIMES_MAX}`, { param: 'times' });
    }
    if (this.rules.length >= RULES_MAX) throw invalidRequest(`At most ${RULES_MAX} rules; clear them first.`);
    const rule: EventRule = {
      id: randomId(SYSTEM_RANDOM, 'evrule', 8),
      type: params.type ?? '*',
      generate: params.generate ?? 'twice',
      times,
      match: params.match && { id: params.match.id, metadata: params.match.metadata ?? undefined },
      applied: 0,
    };
    this.rules.push(rule);
    return rule;
  }

  list(): readonly EventRule[] {
    return this.rules;
  }

  clear(): void {
    this.rules = [];
  }

  /** How many Event objects this change gets; counts the rule that says so. */
  copiesOf(subject: EventSubject): 0 | 1 | 2 {
    const rule = this.rules.find((candidate) => concerns(candidate, subject));
    if (!rule) return 1;
    rule.applied += 1;
    return rule.generate === 'twice' ? 2 : 0;
  }
}

function concerns(rule: EventRule, { type, paymentIntent, metadata: given }: EventSubject): boolean {
  if (rule.applied >= rule.times || (rule.type !== '*' && rule.type !== type)) return false;
  const { id, metadata: wanted } = rule.match ?? { id: undefined, metadata: undefined };
  if (id !== undefined && id !== paymentIntent) return false;
  return Object.entries(wanted ?? {}).every(([key, value]) => given[key] === value);
}
