// `expand[]`: ids in a reply replaced by their objects (https://docs.stripe.com/expand).

import { invalidRequest } from './errors';
import type { Form } from './form';
import type { Store } from './store';

const DEPTH_MAX = 4;

type Json = Record<string, unknown>;

/** Expands the paths of `form.expand` in a copy of `body`. Throws 400 for a path that leads nowhere. */
export function expandBody(store: Store, body: object, form: Form): object {
  const paths = form['expand'];
  if (paths === undefined) return body;
  if (typeof paths === 'string') throw invalidRequest('Invalid array', { param: 'expand' });
  const copy = structuredClone(body) as Json;
  for (const path of Object.values(paths)) {
    if (typeof path !== 'string') throw invalidRequest('Invalid array', { param: 'expand' });
    const steps = path.split('.');
    if (steps.length > DEPTH_MAX) throw cannotExpand(path);
    walk(store, copy, steps, steps.join('.'));
  }
  return copy;
}

function walk(store: Store, node: Json, steps: readonly string[], path: string): void {
  const [step, ...rest] = steps;
  if (step === undefined) return;
  const value = node[step];
  if (!(step in node)) throw cannotExpand(path);
  if (Array.isArray(value)) {
    for (const item of value) walk(store, item as Json, rest, path);
    return;
  }
  const expanded = typeof value === 'string' ? lookUp(store, value, path) : value;
  node[step] = expanded;
  if (rest.length > 0 && expanded !== null) walk(store, expanded as Json, rest, path);
}

const KINDS_BY_PREFIX = {
  pi: 'payment_intents',
  ch: 'charges',
  re: 'refunds',
  pm: 'payment_methods',
  dp: 'disputes',
} as const;

function lookUp(store: Store, id: string, path: string): Json {
  const prefix = id.slice(0, 2);
  if (prefix in KINDS_BY_PREFIX) {
    const kind = KINDS_BY_PREFIX[prefix as keyof typeof KINDS_BY_PREFIX];
    const object = store.get(kind, id)?.object;
    if (object) return structuredClone(object) as unknown as Json;
  }
  throw cannotExpand(path);
}

function cannotExpand(path: string) {
  return invalidRequest(`This property cannot be expanded (${path}).`, { param: 'expand' });
}
