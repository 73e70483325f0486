// Comparing what Stripe answered with what the facts say. Only status, type, code and object fields: never a message.
import Stripe from 'stripe';

export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed';
}

/** A predicate as a leaf of what `check` expects, with words for it. */
class Rule {
  readonly words: string;
  readonly test: (actual: unknown) => boolean;

  constructor(words: string, test: (actual: unknown) => boolean) {
    this.words = words;
    this.test = test;
  }

  toJSON(): string {
    return `<${this.words}>`;
  }
}

export const aText = (pattern: RegExp) =>
  new Rule(`text like ${String(pattern)}`, (actual) => typeof actual === 'string' && pattern.test(actual));
export const aNumber = new Rule('a number', (actual) => typeof actual === 'number');
export const anything = new Rule('something', (actual) => actual !== null && actual !== undefined);
export const absent = new Rule('absent', (actual) => actual === undefined);
export const oneOf = (...values: readonly unknown[]) =>
  new Rule(`one of ${JSON.stringify(values)}`, (actual) => values.includes(actual));

/** Every field of `expected` is in `actual`, at any depth; lists have the same length. @throws ClaimFailed */
export function check(what: string, actual: unknown, expected: unknown): void {
  const difference = differenceOf(actual, expected, what);
  if (difference !== null) throw new ClaimFailed(difference);
}

function differenceOf(actual: unknown, expected: unknown, path: string): string | null {
  if (expected instanceof Rule) {
    return expected.test(actual) ? null : `${path} is ${shown(actual)}, not ${expected.words}`;
  }
  if (typeof expected !== 'object' || expected === null) {
    return Object.is(actual, expected) ? null : `${path} is ${shown(actual)}, not ${shown(expected)}`;
  }
  if (typeof actual !== 'object' || actual === null) return `${path} is ${shown(actual)}, not an object`;
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) {
    return `${path} is ${shown(actual)}, not a list like ${shown(expected)}`;
  }
  for (const [name, inner] of Object.entries(expected)) {
    const difference = differenceOf((actual as Record<string, unknown>)[name], inner, `${path}.${name}`);
    if (difference !== null) return difference;
  }
  return null;
}

const SHOWN_CHARACTERS_MAX = 200;

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, SHOWN_CHARACTERS_MAX);
}

export interface Refusal {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly declineCode: string | undefined;
  readonly param: string | undefined;
  readonly charge: string | undefined;
  /** Status of the PaymentIntent inside the error. */
  readonly intentStatus: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a call was refused with. @throws ClaimFailed when it was not refused. */
export async function refusal(what: string, call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError) || error.statusCode === undefined) throw error;
    return {
      status: error.statusCode,
      type: error.rawType,
      code: error.code,
      declineCode: error.decline_code || undefined,
      param: error.param,
      charge: error.charge,
      intentStatus: error.payment_intent?.status,
      headers: error.headers ?? {},
    };
  }
  throw new ClaimFailed(`${what} was not refused`);
}

/** Calls `refusal` and `check` in one. */
export async function refused(what: string, call: Promise<unknown>, expected: object): Promise<Refusal> {
  const actual = await refusal(what, call);
  check(what, actual, expected);
  return actual;
}
