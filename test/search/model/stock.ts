// The database: one checkout's row, its hold on the unit, its refund; each function is one transaction of db/.
import type { FailureCode } from '../../../contracts/checkout';
import type { CheckoutStatus, ReservationStatus } from '../../../contracts/statuses';
import { isOpenCheckoutStatus } from '../../../contracts/statuses';
import { HOLD_MAX_MS, put, WINDOW_MS, type Buyer, type World } from '../world';

export interface Row {
  status: CheckoutStatus | 'none';
  failureCode: FailureCode | null;
  hold: ReservationStatus | 'none';
  /** Nobody has renewed the lease for a whole grace. */
  isLapsed: boolean;
  /** The database took the units back on its own. */
  isTakenBack: boolean;
  bound: number | null;
  expiresMs: number;
  attempts: string[];
  refund: { n: number; state: 'pending' | 'succeeded' | 'failed'; isSent: boolean } | null;
}

type Ending = { status: CheckoutStatus; failureCode: FailureCode | null; eventIds: string[] };

export const ATTEMPTS_MAX = 2;

export function isOpen({ status }: Row): boolean {
  return status !== 'none' && isOpenCheckoutStatus(status);
}

export function closedOf({ status, failureCode }: Row) {
  if (status === 'none') throw new Error('there is no row');
  return { status, failureCode, orderId: status === 'confirmed' ? 'order' : null };
}

export function open(world: World, { row }: Buyer): void {
  if (row.status !== 'none') return;
  row.expiresMs = world.nowMs + WINDOW_MS;
  if (world.free === 0) return close(row, 'refused', 'insufficient_inventory');
  world.free -= 1;
  Object.assign(row, { status: 'opening', hold: 'held' });
}

function close(row: Row, status: CheckoutStatus, failureCode: FailureCode | null): void {
  Object.assign(row, { status, failureCode });
}

export function bind({ row }: Buyer, intent: number): 'bound' | 'closed' | 'bound_to_other' {
  if (row.bound !== null) return row.bound === intent ? 'bound' : 'bound_to_other';
  if (row.status !== 'opening') return 'closed';
  Object.assign(row, { bound: intent, status: 'awaiting_payment' });
  return 'bound';
}

export function closeUnbound(world: World, { row }: Buyer, failureCode: FailureCode): void {
  if (row.status === 'opening') giveBack(world, row, 'released');
  if (row.status === 'opening' || row.status === 'none') close(row, 'refused', failureCode);
}

export function isHoldMaxReached(world: World, row: Row): boolean {
  return world.nowMs >= row.expiresMs + HOLD_MAX_MS;
}

export function renew(world: World, { row }: Buyer): void {
  if (isOpen(row) && row.hold === 'held' && !isHoldMaxReached(world, row)) row.isLapsed = false;
}

/** Under one key once, however often it is sent; a search extends under one key. */
export function extend(world: World, { row }: Buyer, seconds: number): boolean {
  const expiresMs = WINDOW_MS + seconds * 1000;
  if (isOpen(row) && world.nowMs < row.expiresMs) row.expiresMs = expiresMs;
  return row.expiresMs === expiresMs;
}

function reclaim(world: World, row: Row): boolean {
  if (row.hold === 'held') return true;
  if (world.free === 0) return false;
  world.free -= 1;
  row.hold = 'held';
  return true;
}

export function secure(world: World, { row }: Buyer): boolean {
  if (!isOpen(row) || !reclaim(world, row)) return false;
  row.isLapsed = false;
  return true;
}

/** `isBlind`: a planted bug, which does not look whether the units are still there. */
export function confirm(world: World, buyer: Buyer, eventIds: string[], isBlind: boolean): void {
  const { row } = buyer;
  if (!['confirmed', 'refund_pending', 'refunded'].includes(row.status)) {
    if (isBlind || reclaim(world, row)) {
      row.hold = 'confirmed';
      close(row, 'confirmed', null);
    } else {
      giveBack(world, row, 'released');
      row.refund = { n: 0, state: 'pending', isSent: false };
      close(row, 'refund_pending', 'sold_out_after_payment');
    }
  }
  judge(buyer, eventIds);
}

export function release(world: World, buyer: Buyer, ending: Ending): void {
  const { status, failureCode, eventIds } = ending;
  if (isOpen(buyer.row)) {
    giveBack(world, buyer.row, status === 'expired' ? 'expired' : 'released');
    close(buyer.row, status, failureCode);
  }
  judge(buyer, eventIds);
}

function giveBack(world: World, row: Row, as: 'released' | 'expired'): void {
  if (row.hold !== 'held') return;
  row.hold = as;
  world.free += 1;
}

/** What cleanup and lazy reclaim take: a lapsed hold, unless its payment has news that nobody has judged. */
export function isDead({ row, inbox }: Buyer): boolean {
  const isNews = Object.entries(inbox).some(
    ([id, state]) => state === 'open' && 'sap'.includes(id[1] ?? '-'),
  );
  return row.hold === 'held' && row.isLapsed && !isNews;
}

export function cleanUp(world: World, { row }: Buyer): void {
  giveBack(world, row, 'expired');
  row.isTakenBack = true;
}

export function recordDecline(buyer: Buyer, eventId: string): number {
  const { row } = buyer;
  if (!row.attempts.includes(eventId)) {
    row.attempts = [...row.attempts, eventId].toSorted();
    if (row.status === 'payment_processing') row.status = 'awaiting_payment';
  }
  judge(buyer, [eventId]);
  return row.attempts.length;
}

export function recordProcessing(buyer: Buyer, ...eventIds: readonly string[]): void {
  if (buyer.row.status === 'awaiting_payment') buyer.row.status = 'payment_processing';
  judge(buyer, eventIds);
}

/** What Stripe says of the refund that was decided; a failed one stays failed. */
export function recordRefund({ row }: Buyer, state: 'succeeded' | 'failed'): void {
  const { refund } = row;
  if (refund === null || refund.state === 'failed') return;
  Object.assign(refund, { state, isSent: state === 'succeeded' });
  if (state === 'succeeded' && row.status === 'refund_pending') row.status = 'refunded';
}

export function judge(buyer: Buyer, eventIds: readonly string[]): void {
  for (const id of eventIds) buyer.inbox = put(buyer.inbox, id, 'judged');
}
