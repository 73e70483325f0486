// One webhook request: signed at the moment of sending, judged by its status alone.

import { createHmac } from 'node:crypto';
import type { DeliveryAttempt } from '../records';

/** Stripe does not publish its limit; a receiver must answer well within this. */
export const SEND_TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** `t` is the wall clock, whatever the simulator's clock says: receivers compare it with theirs. */
export function signatureHeader(payload: string, secret: string, unixSeconds: number): string {
  const signature = createHmac('sha256', secret).update(`${unixSeconds}.${payload}`).digest('hex');
  return `t=${unixSeconds},v1=${signature}`;
}

/** Sends once and never throws: no answer is an answer too (`status` null, `error` says why). */
export async function sendWebhook(
  url: string,
  payload: string,
  secret: string,
  stop: AbortSignal,
): Promise<DeliveryAttempt> {
  const startedMs = Date.now();
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
        'stripe-signature': signatureHeader(payload, secret, Math.floor(startedMs / 1000)),
      },
      signal: AbortSignal.any([stop, AbortSignal.timeout(SEND_TIMEOUT_MS)]),
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
