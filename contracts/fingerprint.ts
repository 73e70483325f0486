// From a request to its identity: the checkout id and the fingerprint that tells two bodies apart. Uses node:crypto, so
// workflows do not import it; they are given both as input.
import { createHash } from 'node:crypto';

import type { RequestedLine } from './checkout';

/** `checkoutId`: a UUID (version 8, RFC 9562: vendor specific) cut from the SHA-256 of the buyer's Idempotency-Key. */
export function checkoutIdFromKey(idempotencyKey: string): string {
  return uuidFrom(idempotencyKey);
}

/** As `checkoutIdFromKey`, for an operator's key; the same key of a buyer gives another id. */
export function operationIdFromKey(idempotencyKey: string): string {
  return uuidFrom(`operation:${idempotencyKey}`);
}

function uuidFrom(text: string): string {
  const bytes = createHash('sha256').update(text, 'utf8').digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** SHA-256, in hex, of all that an operator asks for. The caller builds `asked` with its members in a fixed order. */
export function operationFingerprint(asked: object): string {
  return createHash('sha256').update(JSON.stringify(asked), 'utf8').digest('hex');
}

/** Lines merged per product and sorted by product id (code-unit order; ids are lower-case UUIDs). */
export function canonicalLines(lines: readonly RequestedLine[]): RequestedLine[] {
  const quantities = new Map<string, number>();
  for (const line of lines) {
    const id = line.dropProductId.toLowerCase();
    quantities.set(id, (quantities.get(id) ?? 0) + line.quantity);
  }
  return [...quantities.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([dropProductId, quantity]) => ({ dropProductId, quantity }));
}

/** SHA-256, in hex, of the canonical body: merged and sorted lines, and the customer. */
export function requestFingerprint(lines: readonly RequestedLine[], customerId: string | null): string {
  const body = {
    lines: canonicalLines(lines).map((line) => [line.dropProductId, line.quantity]),
    customer_id: customerId,
  };
  return createHash('sha256').update(JSON.stringify(body), 'utf8').digest('hex');
}
