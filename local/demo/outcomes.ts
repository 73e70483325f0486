// Every way a checkout can end, each played by one buyer (or twenty) on a product of its own.
import { postJson } from '../../test/support/ledger';
import type { CreateBody } from '../../test/support/shop';
import type { Stage } from './stage';

export interface Outcome {
  name: string;
  units: number;
  /** Plays it and answers the checkout that the row is about. */
  play: (stage: Stage, productId: string) => Promise<CreateBody>;
  expected: { status: string; stockAfter: number; captured: 'total' | 0; refunded: 'total' | 0 };
}

const sold = { status: 'confirmed', stockAfter: 0, captured: 'total', refunded: 0 } as const;
const unsold = { stockAfter: 1, captured: 0, refunded: 0 } as const;

export const OUTCOMES: readonly Outcome[] = [
  { name: 'paid', units: 1, play: paid, expected: sold },
  { name: 'declined, then paid', units: 1, play: declinedThenPaid, expected: sold },
  { name: '3D Secure, then paid', units: 1, play: threeDSecure, expected: sold },
  {
    name: 'declined for good',
    units: 1,
    play: hardDecline,
    expected: { status: 'payment_failed', ...unsold },
  },
  {
    name: 'abandoned until the deadline',
    units: 1,
    play: abandoned,
    expected: { status: 'expired', ...unsold },
  },
  { name: 'given up by the shopper', units: 1, play: givenUp, expected: { status: 'canceled', ...unsold } },
  { name: 'last unit, 20 buyers', units: 1, play: lastUnit, expected: sold },
  { name: 'lease lost, paid, units free', units: 1, play: paidLate({ isGone: false }), expected: sold },
  {
    name: 'lease lost, paid, units gone',
    units: 1,
    play: paidLate({ isGone: true }),
    expected: { status: 'refunded', stockAfter: 0, captured: 'total', refunded: 'total' },
  },
  {
    name: 'run terminated, paid, units free',
    units: 1,
    play: paidLate({ isGone: false, isTerminated: true }),
    expected: sold,
  },
  {
    name: 'run terminated, paid, units gone',
    units: 1,
    play: paidLate({ isGone: true, isTerminated: true }),
    expected: { status: 'refunded', stockAfter: 0, captured: 'total', refunded: 'total' },
  },
];

async function paid(stage: Stage, productId: string): Promise<CreateBody> {
  const checkout = await stage.order(productId);
  await expectPayment(stage, checkout, 'pm_card_visa', 'succeeded');
  return checkout;
}

async function declinedThenPaid(stage: Stage, productId: string): Promise<CreateBody> {
  const checkout = await stage.order(productId);
  await expectPayment(stage, checkout, 'pm_card_visa_chargeDeclined', 'card_declined');
  await expectPayment(stage, checkout, 'pm_card_visa', 'succeeded');
  return checkout;
}

async function threeDSecure(stage: Stage, productId: string): Promise<CreateBody> {
  const checkout = await stage.order(productId);
  await expectPayment(stage, checkout, 'pm_card_threeDSecure2Required', 'requires_action');
  await postJson(
    `${stage.simulatorUrl}/_simulator/payment_intents/${checkout.payment_intent_id}/complete_3ds`,
  );
  return checkout;
}

async function hardDecline(stage: Stage, productId: string): Promise<CreateBody> {
  const checkout = await stage.order(productId);
  await expectPayment(stage, checkout, 'pm_card_visa_chargeDeclinedStolenCard', 'card_declined');
  return checkout;
}

function abandoned(stage: Stage, productId: string): Promise<CreateBody> {
  return stage.order(productId);
}

async function givenUp(stage: Stage, productId: string): Promise<CreateBody> {
  const checkout = await stage.order(productId);
  const status = await stage.shop.cancel(checkout);
  if (status !== 202) throw new Error(`The cancel was answered with ${status}.`);
  return checkout;
}

async function lastUnit(stage: Stage, productId: string): Promise<CreateBody> {
  const buyers = Array.from({ length: 20 }, () =>
    stage.shop.create([{ drop_product_id: productId, quantity: 1 }]),
  );
  const opened = (await Promise.all(buyers)).filter(({ status }) => status === 201);
  const winner = opened[0]?.body;
  if (opened.length !== 1 || winner === undefined)
    throw new Error(`${opened.length} of 20 buyers got the last unit.`);
  await expectPayment(stage, winner, 'pm_card_visa', 'succeeded');
  return winner;
}

/** The units are taken back while the buyer still holds a payable PaymentIntent; then the payment comes. */
function paidLate({
  isGone,
  isTerminated = false,
}: {
  isGone: boolean;
  isTerminated?: boolean;
}): Outcome['play'] {
  return async (stage, productId) => {
    const checkout = await stage.order(productId);
    if (isTerminated) await stage.terminate(checkout);
    await stage.loseLease(checkout);
    if (isGone) await expectPayment(stage, await stage.order(productId), 'pm_card_visa', 'succeeded');
    await expectPayment(stage, checkout, 'pm_card_visa', 'succeeded');
    return checkout;
  };
}

async function expectPayment(
  stage: Stage,
  checkout: CreateBody,
  paymentMethod: string,
  expected: string,
): Promise<void> {
  const answer = await stage.pay(checkout, paymentMethod);
  if (answer !== expected)
    throw new Error(`Paying with ${paymentMethod} answered ${answer}, not ${expected}.`);
}
