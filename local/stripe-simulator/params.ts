// Parameter schemas: what an operation accepts, read from the form with Stripe's error codes.

import { invalidRequest } from './errors';
import type { Form, FormValue } from './form';
import { redactText } from './redact';
import type { Metadata } from './types';

export type Reader<T> = (value: FormValue, path: string) => T;
export type Spec = Readonly<Record<string, Reader<unknown>>>;
export type Params<S extends Spec> = { readonly [K in keyof S]?: ReturnType<S[K]> | undefined };

export interface SpecOptions {
  readonly required?: readonly string[];
  /** Parameters Stripe has and the simulator has not: refused by name instead of silently ignored. */
  readonly unsupported?: readonly string[];
}

/**
 * Reads a form against a spec. Throws `parameter_unknown`, `parameter_missing`, or what a reader throws.
 * `expand` belongs to every operation and is handled where replies are made.
 */
export function readParams<S extends Spec>(spec: S, form: Form, options: SpecOptions = {}): Params<S> {
  refuseUnknown(
    Object.keys(form).filter((name) => name !== 'expand' && !Object.hasOwn(spec, name)),
    options,
  );
  for (const name of options.required ?? []) {
    if (form[name] === undefined) {
      throw invalidRequest(`Missing required param: ${name}.`, { code: 'parameter_missing', param: name });
    }
  }
  return readShape(spec, form, '') as Params<S>;
}

function refuseUnknown(names: readonly string[], options: SpecOptions): void {
  const [first] = names;
  if (first === undefined) return;
  if (names.includes('payment_method_types')) {
    throw invalidRequest(
      'The parameter `payment_method_types` is no longer supported as of API version 2026-10-28.endive. Use `allowed_payment_method_types` instead.',
      { code: 'payment_method_types_no_longer_supported', param: 'payment_method_types' },
    );
  }
  const unsupported = names.find((name) => options.unsupported?.includes(name));
  if (unsupported !== undefined) {
    throw invalidRequest(`The Stripe simulator does not implement the parameter: ${unsupported}`, {
      code: 'simulator_parameter_unsupported',
      param: unsupported,
    });
  }
  throw unknownParameters(names);
}

function unknownParameters(names: readonly string[]) {
  return invalidRequest(`Received unknown parameter${names.length > 1 ? 's' : ''}: ${names.join(', ')}`, {
    code: 'parameter_unknown',
    param: names[0] ?? '',
  });
}

function readShape(spec: Spec, form: Form, prefix: string): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const [name, reader] of Object.entries(spec)) {
    const value = form[name];
    if (value !== undefined) params[name] = reader(value, prefix === '' ? name : `${prefix}[${name}]`);
  }
  return params;
}

export const text: Reader<string> = (value, path) => {
  if (typeof value !== 'string') throw invalidRequest(`Invalid string: ${path}`, { param: path });
  if (value === '') {
    throw invalidRequest(`You passed an empty string for '${path}'. Give it a value or leave it out.`, {
      code: 'parameter_invalid_empty',
      param: path,
    });
  }
  return value;
};

/** Text where an empty string clears the field. */
export const clearableText: Reader<string | null> = (value, path) =>
  value === '' ? null : text(value, path);

export const integer: Reader<number> = (value, path) => {
  if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value);
  const shown = typeof value === 'string' ? redactText(value.slice(0, 40)) : '(object)';
  throw invalidRequest(`Invalid integer: ${shown}`, { code: 'parameter_invalid_integer', param: path });
};

export const flag: Reader<boolean> = (value, path) => {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw invalidRequest('Invalid boolean', { param: path });
};

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw invalidRequest(`Invalid ${path}: must be one of ${allowed.join(', ')}`, { param: path });
  };
}

export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (value, path) => {
    if (typeof value === 'string') throw invalidRequest('Invalid array', { param: path });
    return Object.keys(value).map((index) => {
      if (!/^\d+$/.test(index)) throw invalidRequest('Invalid array', { param: path });
      return reader(value[index] ?? '', `${path}[${index}]`);
    });
  };
}

export function shape<S extends Spec>(spec: S): Reader<Params<S>> {
  return (value, path) => {
    if (typeof value === 'string') throw invalidRequest('Invalid object', { param: path });
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(spec, name));
    if (unknown.length > 0) throw unknownParameters(unknown.map((name) => `${path}[${name}]`));
    return readShape(spec, value, path) as Params<S>;
  };
}

/** An object whose inside the simulator neither reads nor checks. */
export const opaque: Reader<FormValue> = (value) => value;

const METADATA_KEYS_MAX = 50;
const METADATA_KEY_CHARACTERS_MAX = 40;
const METADATA_VALUE_CHARACTERS_MAX = 500;

/** Stripe's limits (https://docs.stripe.com/api/metadata). An empty value removes a key, an empty map removes all. */
export const metadata: Reader<Metadata | null> = (value, path) => {
  if (value === '') return null;
  if (typeof value === 'string') throw invalidRequest('Invalid object', { param: path });
  const entries = Object.entries(value).map(([key, item]): [string, string] => {
    if (typeof item !== 'string') throw invalidRequest('Metadata values must be strings', { param: path });
    if (key.length > METADATA_KEY_CHARACTERS_MAX || item.length > METADATA_VALUE_CHARACTERS_MAX) {
      throw invalidRequest('Metadata keys have at most 40 characters and values at most 500.', {
        param: `${path}[${key.slice(0, METADATA_KEY_CHARACTERS_MAX)}]`,
      });
    }
    return [key, item];
  });
  if (entries.length > METADATA_KEYS_MAX)
    throw invalidRequest('Metadata has at most 50 keys.', { param: path });
  return Object.fromEntries(entries);
};

/** What an update leaves of metadata: given keys win, empty values go. */
export function mergeMetadata(before: Metadata, given: Metadata | null | undefined): Metadata {
  if (given === undefined) return before;
  if (given === null) return {};
  return Object.fromEntries(Object.entries({ ...before, ...given }).filter(([, value]) => value !== ''));
}
