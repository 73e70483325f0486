// One webhook request: signed at the moment of sending, judged by its status alone.

import { createHmac } from 'node:crypto';
import type { DeliveryAttempt, WebhookPolicy } from '../records';

const ANSWER_BYTES_MAX = 64 * 1024;

/** Beyond the 300 s that receivers tolerate. */
const STALE_SECONDS = 3_600;

/**
 * One `v1` for each secret and, as Stripe adds in test mode, a `v0` that proves nothing. `t` is the wall clock, whatever
 * the simulator's clock says: receivers compare it with theirs. Null = no header at all. `fault` spoils it on purpose.
 */
export function signatureHeader(
  payload: string,
  secrets: readonly string[],
  wallSeconds: number,
  fault: WebhookPolicy['signature'] = 'valid',
): string | null {
  if (fault === 'missing') return null;
  const shift = fault === 'stale' ? -STALE_SECONDS : fault === 'future' ? STALE_SECONDS : 0;
  const seconds = wallSeconds + shift;
  const hmac = (secret: string) => createHmac('sha256', secret).update(`${seconds}.${payload}`).digest('hex');
  const signing = fault === 'wrong' ? secrets.map((secret) => `${secret}x`) : secrets;
  const v1 = signing.map((secret) => `v1=${hmac(secret)}`);
  return [`t=${seconds}`, ...v1, `v0=${hmac(`v0:${secrets[0] ?? ''}`)}`].join(',');
}

export interface Shipment {
  readonly url: string;
  readonly payload: string;
  readonly secrets: readonly string[];
  readonly signature: WebhookPolicy['signature'];
  readonly timeoutMs: number;
}

/** Sends once and never throws: no answer is an answer too (`status` null, `error` says why). */
export async function sendWebhook(
  { url, payload, secrets, signature, timeoutMs }: Shipment,
  stop: AbortSignal,
): Promise<DeliveryAttempt> {
  const startedMs = Date.now();
  const header = signatureHeader(payload, secrets, Math.floor(startedMs / 1000), signature);
  const done = (status: number | null, error: string | null): DeliveryAttempt => ({
    at: new Date(startedMs).toISOString(),
    status,
    error,
    duration_ms: Date.now() - startedMs,
  });
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: payload,
      redirect: 'manual',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe-Simulator/1.0',
        ...(header === null ? {} : { 'stripe-signature': header }),
      },
      signal: AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]),
    });
    await drain(response);
    return done(response.status, null);
  } catch (error) {
    return done(null, describeError(error));
  }
}

/** Reads a short answer to its end, which keeps the connection for the next webhook; cuts a long one off. */
async function drain(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length;
    if (bytes > ANSWER_BYTES_MAX) {
      await reader.cancel();
      return;
    }
  }
}

function describeError(error: unknown): string {
  const { message = 'unknown error', cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message === undefined ? message : `${message}: ${cause.message}`;
}
