// Form decoding with Stripe's nested brackets: `a[b][c]=1`, `list[]=x`, `list[0]=x`.

import { invalidRequest } from './errors';

export type FormValue = string | Form;
export interface Form {
  [name: string]: FormValue;
}

const PAIRS_MAX = 1_000;
const DEPTH_MAX = 6;
const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** Decodes a body or a query string. Lists stay maps of indexes here; the parameter reader knows which are lists. */
export function decodeForm(text: string): Form {
  const form = newForm();
  let pairs = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    pairs += 1;
    if (pairs > PAIRS_MAX) throw invalidRequest(`A request may have at most ${PAIRS_MAX} parameters.`);
    insert(form, splitName(name), value, name);
  }
  return form;
}

/** The same shape from JSON, for the parameters of the control plane's `meanwhile`. */
export function formFromJson(value: unknown): FormValue {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value);
  const form = newForm();
  for (const [name, inner] of Object.entries(value)) form[name] = formFromJson(inner);
  return form;
}

/** One text for equal parameters, whatever their order; what idempotency compares. */
export function canonicalForm(value: FormValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const parts = Object.keys(value)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalForm(value[name] ?? '')}`);
  return `{${parts.join(',')}}`;
}

function newForm(): Form {
  // No prototype: a parameter named __proto__ is only a parameter.
  return Object.create(null) as Form;
}

function splitName(name: string): string[] {
  const match = NAME.exec(name);
  if (!match) throw invalidRequest(`Invalid parameter name: ${name.slice(0, 100)}`);
  const inner = [...(match[2] ?? '').matchAll(/\[([^[\]]*)\]/g)].map((part) => part[1] ?? '');
  const keys = [match[1] ?? '', ...inner];
  if (keys.length > DEPTH_MAX) throw invalidRequest(`Invalid parameter name: ${name.slice(0, 100)}`);
  return keys;
}

function insert(form: Form, keys: readonly string[], value: string, name: string): void {
  let target = form;
  for (const [depth, key] of keys.entries()) {
    const slot = key === '' ? String(Object.keys(target).length) : key;
    if (depth === keys.length - 1) {
      target[slot] = value;
      return;
    }
    const next = target[slot] ?? newForm();
    if (typeof next === 'string') throw invalidRequest(`Invalid object: ${name}`, { param: name });
    target[slot] = next;
    target = next;
  }
}
