// What nobody can make Stripe do on demand. The simulator was built from the documentation for these and checked against
// itself alone; each names the test that does so.

export interface SimulatorOnly {
  readonly says: string;
  /** The file in test/simulator/ that shows it. */
  readonly shownBy: string;
}

export const SIMULATOR_ONLY: readonly SimulatorOnly[] = [
  { says: 'a 500 is kept under its key, executed or not', shownBy: 'idempotency' },
  { says: 'a key in flight is a 409, every time', shownBy: 'idempotency' },
  { says: '409, 429 and 502 to 504 are not kept', shownBy: 'idempotency' },
  { says: 'a key is forgotten after 24 hours', shownBy: 'idempotency' },
  { says: 'an object lock is 429 lock_timeout without Stripe-Rate-Limited-Reason', shownBy: 'settings' },
  { says: 'a rate limit is 429 with Stripe-Rate-Limited-Reason', shownBy: 'settings' },
  { says: 'a lagging list misses a young PaymentIntent', shownBy: 'settings' },
  { says: 'a reply is lost, hangs, or is cut in the middle', shownBy: 'faults' },
  { says: 'somebody else acts while a call is on its way', shownBy: 'faults' },
  { says: 'too many confirmations cancel a PaymentIntent', shownBy: 'declines' },
  { says: '3D Secure is passed, failed, or passed and then declined', shownBy: 'declines' },
  { says: 'a card number outside the test list is refused', shownBy: 'refusals' },
  { says: 'an authorisation expires after seven days', shownBy: 'lifecycle' },
  { says: 'a processing PaymentIntent refuses to be cancelled, settles, or fails', shownBy: 'lifecycle' },
  { says: 'a refund fails by a bank’s decision, weeks later', shownBy: 'refunds' },
  { says: 'a bank disputes any payment and decides it; funds withdrawn and reinstated', shownBy: 'disputes' },
  { says: 'an early fraud warning', shownBy: 'disputes' },
  { says: 'one change makes two Event objects, or none', shownBy: 'events' },
  { says: 'events are gone after 30 days', shownBy: 'events' },
  { says: 'webhooks are late, repeated, reordered, dropped, retried for three days', shownBy: 'webhooks' },
  { says: 'a rolled secret signs beside the new one; v0 proves nothing', shownBy: 'signatures' },
  { says: 'a forged, stale, future or missing signature', shownBy: 'signatures' },
];
