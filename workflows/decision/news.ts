// What reaches a checkout from outside, remembered until its turn comes. Order of arrival means nothing to the outcome.
import type { PaymentEvent } from '../../contracts/payment-events';
import type { CheckoutMessage, CheckoutState, News } from './checkout-state';

/** Beyond this, further events are left to the inbox: they stay stored, without outcome, and are driven again. */
const PENDING_EVENTS_MAX = 1_000;

export function receive(state: CheckoutState, message: CheckoutMessage): CheckoutState {
  const { news } = state;
  switch (message.type) {
    case 'payment_event':
      return receiveEvent(state, message.event);
    case 'cancel_asked':
      return withNews(state, { isCancelAsked: true });
    case 'look_asked':
      return withNews(state, { isLookAsked: true });
    case 'operator_canceled':
      // An ending under way wakes up and looks again.
      return withNews(state, { isCanceledByOperator: true, isLookAsked: true });
    case 'extension_asked':
      return news.extensions.some(({ requestKey }) => requestKey === message.request.requestKey)
        ? state
        : withNews(state, { extensions: [...news.extensions, message.request] });
  }
}

/** An event counts once, by its id. */
function receiveEvent(state: CheckoutState, event: PaymentEvent): CheckoutState {
  const { seenIds, news } = state;
  if (seenIds.includes(event.eventId) || news.events.length >= PENDING_EVENTS_MAX) return state;
  return {
    ...withNews(state, { events: [...news.events, event] }),
    seenIds: [...seenIds, event.eventId].toSorted(),
  };
}

export function withNews(state: CheckoutState, change: Partial<News>): CheckoutState {
  return { ...state, news: { ...state.news, ...change } };
}

/** Whether there is anything to judge in the payment window. */
export function hasNews({ news }: CheckoutState): boolean {
  const { extensions, isCancelAsked, isCanceledByOperator } = news;
  return extensions.length > 0 || isCancelAsked || isCanceledByOperator || hasPaymentNews({ news });
}

/** Whether an ending or a capture should look again before its pause is over. */
export function hasPaymentNews({ news }: Pick<CheckoutState, 'news'>): boolean {
  return news.events.length > 0 || news.isLookAsked;
}

/** All that came is judged by what Stripe says now, whatever the events said. */
export function judgeAllNews(state: CheckoutState): CheckoutState {
  const ids = state.news.events.map(({ eventId }) => eventId);
  return {
    ...withNews(state, { events: [], isLookAsked: false }),
    judgedIds: [...state.judgedIds, ...ids],
  };
}
