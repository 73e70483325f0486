// An event of the inbox on its way: to its running checkout, else to settlement.
import type { PaymentEvent } from '../contracts/payment-events';
import { markForwarded } from '../db/inbox';
import type { ActivityDeps } from './deps';

export interface EventToHandOn {
  eventId: string;
  checkoutId: string;
  /** Null for what only settlement judges. */
  signal: PaymentEvent | null;
}

/** Repeating it is safe: an event counts once, by its id. @throws when Temporal or the database does not take it. */
export async function handOn(
  deps: Pick<ActivityDeps, 'pool' | 'runs'>,
  { eventId, checkoutId, signal }: EventToHandOn,
): Promise<'signalled' | 'settled'> {
  const isTaken = signal !== null && (await deps.runs.signalCheckout(checkoutId, signal));
  if (!isTaken) await deps.runs.startSettlement(checkoutId);
  await markForwarded(deps.pool, eventId);
  return isTaken ? 'signalled' : 'settled';
}
