// Settings: what Stripe does not publish, or does one way for one account and another for the next. A test chooses; no
// code of the product may depend on any of them.

import { invalidRequest } from './errors';
import type { Form } from './form';
import { integer, listOf, oneOf, readParams } from './params';
import type { Settings } from './records';

const DAY_SECONDS = 86_400;

/** Like live mode: eight tries within minutes and hours, in all about three days. */
const RETRY_SECONDS_DEFAULT: readonly number[] = [1, 5, 30, 120, 600, 3_600, 21_600, 86_400, 86_400, 57_600];
const RETRIES_MAX = 50;

export const DEFAULT_SETTINGS: Settings = {
  processing_cancel: 'refuse',
  processing_seconds: 0,
  confirm_limit: 50,
  conflict_type: 'invalid_request_error',
  object_locks: 'off',
  requests_per_second: 0,
  requests_per_second_per_endpoint: 0,
  updates_per_payment_intent_per_hour: 0,
  list_lag_seconds: 0,
  webhook_retry_seconds: RETRY_SECONDS_DEFAULT,
  webhook_timeout_ms: 10_000,
};

const SPEC = {
  processing_cancel: oneOf('allow', 'refuse'),
  processing_seconds: integer,
  confirm_limit: integer,
  conflict_type: oneOf('invalid_request_error', 'idempotency_error', 'api_error'),
  object_locks: oneOf('off', 'on'),
  requests_per_second: integer,
  requests_per_second_per_endpoint: integer,
  updates_per_payment_intent_per_hour: integer,
  list_lag_seconds: integer,
  webhook_retry_seconds: listOf(integer),
  webhook_timeout_ms: integer,
};

const RANGES = {
  processing_seconds: [0, 30 * DAY_SECONDS],
  confirm_limit: [1, 1_000_000],
  requests_per_second: [0, 1_000_000],
  requests_per_second_per_endpoint: [0, 1_000_000],
  updates_per_payment_intent_per_hour: [0, 1_000_000],
  list_lag_seconds: [0, DAY_SECONDS],
  webhook_timeout_ms: [10, 60_000],
} as const;

/** The settings with what the form changes. Throws 400 with the name of what is wrong; nothing is changed then. */
export function changedSettings(before: Settings, form: Form): Settings {
  const given = Object.entries(readParams(SPEC, form)).filter(([, value]) => value !== undefined);
  const settings = { ...before, ...(Object.fromEntries(given) as Partial<Settings>) };
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    requireRange(name, settings[name as keyof typeof RANGES], least, most);
  }
  requireRange('webhook_retry_seconds', settings.webhook_retry_seconds.length, 0, RETRIES_MAX);
  for (const [index, seconds] of settings.webhook_retry_seconds.entries()) {
    requireRange(`webhook_retry_seconds[${index}]`, seconds, 0, 30 * DAY_SECONDS);
  }
  return settings;
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw invalidRequest(`${name} must be between ${least} and ${most}`, { param: name });
}
