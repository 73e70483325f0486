// What must hold in every world that can be reached, and in every one in which nothing is left to do.
import { needsReconciling, orphansOf } from './moves';
import { isOpen } from './model/stock';
import type { Buyer, World } from './world';

/** The first promise that is broken, in words. */
export function findViolation(world: World): string | null {
  const taken = world.buyers.filter(({ row }) => row.hold === 'held' || row.hold === 'confirmed').length;
  if (world.free + world.soldElsewhere + taken !== 1) return 'one unit has become none or several';
  for (const [b, buyer] of world.buyers.entries()) {
    const broken = brokenFor(buyer) ?? (isFinal(world) ? brokenInTheEnd(buyer) : null);
    if (broken !== null) return `buyer ${b}: ${broken}`;
  }
  return null;
}

function brokenFor({ row, intents, isThrownAway }: Buyer): string | null {
  const bound = intents[row.bound ?? -1];
  if (intents.filter(({ captured }) => captured).length > 1) return 'charged twice';
  if (intents.filter(({ status }) => status !== 'canceled').length > 1) return 'two payments can be made';
  if (intents.some(({ refunds }) => refunds.length > 1)) return 'refunded twice';
  if (row.status === 'confirmed') {
    if (bound?.captured !== true) return 'goods without money';
    if (row.hold !== 'confirmed') return 'an order without its unit';
    if (row.refund !== null || bound.refunds.includes('ours'))
      return 'the money went back although the goods are sold';
  } else if (row.hold === 'confirmed') return 'a unit without its order';
  const isUnpaid = ['expired', 'canceled', 'payment_failed'].includes(row.status);
  if (isUnpaid && row.failureCode !== 'payment_unresolved' && bound?.status !== 'canceled')
    return 'released although the payment had not ended';
  if (row.status === 'refused' && bound !== undefined) return 'refused although a payment is bound';
  if (isThrownAway)
    return 'an authorised payment was let go although its unit was there and nobody had asked';
  return null;
}

/** Nobody is at work, nothing is under way, and neither sweep nor reconciliation finds anything. */
export function isFinal(world: World): boolean {
  return world.buyers.every(
    (buyer) =>
      (buyer.run === null || hasNotCome(buyer, world)) &&
      buyer.settle === null &&
      buyer.late === null &&
      buyer.delayed.length === 0 &&
      buyer.wire.length === 0 &&
      !Object.values(buyer.inbox).includes('open') &&
      !needsReconciling(buyer) &&
      orphansOf(buyer).length === 0,
  );
}

function hasNotCome({ run, row }: Buyer, { free }: World): boolean {
  return run?.todo.length === 0 && row.status === 'none' && free === 0;
}

function brokenInTheEnd({ row, intents }: Buyer): string | null {
  if (isOpen(row)) return 'left open for ever';
  if (row.hold === 'held') return 'a unit is held for ever';
  if (intents.some(({ status }) => status !== 'canceled' && status !== 'succeeded'))
    return 'a payment was left open';
  if (row.status === 'confirmed') return null;
  const isOwed = intents.some(({ captured, refunds }) => captured && refunds.length === 0);
  if (isOwed) return 'charged, without goods and without a refund';
  if (row.status === 'refund_pending') return 'the money is back and the row does not say so';
  const isBackByUs = intents.some(({ refunds }) => refunds.includes('ours'));
  if (isBackByUs && row.refund?.state !== 'succeeded')
    return 'the refund was made and is written down as failed';
  return null;
}
