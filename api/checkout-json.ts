// A checkout's row in the words and shapes of the wire.
import { isOpenCheckoutStatus } from '../contracts/statuses';
import type { CheckoutStatus } from '../contracts/statuses';
import type { CheckoutView } from '../db/checkouts';
import type { CheckoutAnswer, CreateIntentAnswer } from './schemas';

export function createIntentJson(
  checkout: CheckoutView,
  { token, clientSecret }: { token: string; clientSecret: string | null },
): CreateIntentAnswer {
  return {
    checkout_id: checkout.checkoutId,
    checkout_token: token,
    status: checkout.status,
    payment_intent_id: checkout.paymentIntentId,
    client_secret: clientSecret,
    reservation_ids: checkout.reservationIds,
    amount: checkout.amountMinor,
    currency: checkout.currency,
    expires_at: checkout.expiresAt?.toISOString() ?? null,
    seconds_left: checkout.secondsLeft,
  };
}

export function checkoutJson(checkout: CheckoutView): CheckoutAnswer {
  const { lastDecline, refund } = checkout;
  return {
    checkout_id: checkout.checkoutId,
    status: checkout.status,
    failure_code: checkout.failureCode,
    message: sentenceOf(checkout),
    payment_intent_id: checkout.paymentIntentId,
    reservation_ids: checkout.reservationIds,
    items: checkout.lines.map((line) => ({ drop_product_id: line.dropProductId, quantity: line.quantity })),
    amount: checkout.amountMinor,
    currency: checkout.currency,
    expires_at: checkout.expiresAt?.toISOString() ?? null,
    seconds_left: checkout.secondsLeft,
    is_payable: checkout.isPayable,
    attempts: checkout.attempts,
    last_decline: lastDecline && {
      code: lastDecline.code,
      message: declineSentence(lastDecline.code, lastDecline.declineCode),
    },
    order_id: checkout.orderId,
    refund: refund && { state: refund.state, amount: refund.amountMinor },
  };
}

/**
 * Nobody may be told that he was not charged before Stripe has said so. The time can be over some moments, or a long outage,
 * before it is known how the payment ended.
 */
function sentenceOf({ status, failureCode, isPayable, isCheckOnly }: CheckoutView): string {
  if (status === 'expired' && failureCode === 'payment_unresolved') return UNRESOLVED_SENTENCE;
  if (status === 'awaiting_payment' && !isPayable) return UNDECIDED_SENTENCE;
  if (isCheckOnly && isOpenCheckoutStatus(status)) return CHECK_ONLY_SENTENCE;
  return STATUS_SENTENCES[status];
}

const UNRESOLVED_SENTENCE =
  'Your payment took too long and the items were given back. If it still comes through, you get them if they are free, ' +
  'or your money back.';
const UNDECIDED_SENTENCE = 'The time to pay is over. We are finding out whether your payment came in time.';
const CHECK_ONLY_SENTENCE =
  'Your items are available now but not held for you. If they are gone when you have paid, you get your money back.';

const STATUS_SENTENCES: Readonly<Record<CheckoutStatus, string>> = {
  opening: 'Your order is being prepared.',
  awaiting_payment: 'Your items are held for you. Please pay before the time is up.',
  payment_processing: 'Your payment is being processed. Your items stay held until it is decided.',
  confirmed: 'Thank you. Your order is confirmed.',
  expired: 'The time to pay is over and the items were given back. You were not charged.',
  canceled: 'The order was canceled. You were not charged.',
  payment_failed: 'The payment did not succeed and the items were given back. You were not charged.',
  refused: 'The order could not be started. You were not charged.',
  refund_pending: 'Your payment came after the items were gone. It is being refunded in full.',
  refunded: 'Your payment came after the items were gone. It was refunded in full.',
};

/**
 * Declines a buyer can do something about. All others get one sentence: Stripe asks shops not to tell a card's holder
 * about lost, stolen or suspected cards (https://docs.stripe.com/declines/codes).
 */
const DECLINE_SENTENCES: Readonly<Record<string, string>> = {
  insufficient_funds: 'The card does not have enough funds. Please try another one.',
  expired_card: 'The card has expired. Please try another one.',
  incorrect_cvc: 'The security code is not right. Please check it.',
  incorrect_number: 'The card number is not right. Please check it.',
  authentication_required: 'The bank asks you to confirm the payment. Please try again.',
  payment_intent_authentication_failure: 'The confirmation with your bank did not succeed. Please try again.',
  processing_error: 'The payment could not be processed. Please try again.',
};

function declineSentence(code: string | null, declineCode: string | null): string {
  return (
    DECLINE_SENTENCES[declineCode ?? ''] ??
    DECLINE_SENTENCES[code ?? ''] ??
    'The card was declined. Please try another one.'
  );
}
