// /3ds/:intent/:token and its two buttons: the buyer's way through 3D Secure and back to the shop.

import { StripeApiError } from '../errors';
import { challengePage, messagePage } from '../pages';
import type { PaymentIntentRecord } from '../records';
import type { Simulator } from '../simulator';
import { htmlReply } from './reply';
import type { WireReply } from './reply';

const ACTIONS: Readonly<Record<string, string>> = { complete: 'complete_3ds', fail: 'fail_3ds' };

/** `parts` is the path behind /3ds/. An answered or foreign challenge gets a page that says so. */
export function answerChallenge(simulator: Simulator, method: string, parts: readonly string[]): WireReply {
  const [id = '', token = '', button] = parts;
  const record = simulator.store.get('payment_intents', id);
  if (!record || record.challengeToken !== token || record.object.status !== 'requires_action') {
    return htmlReply(404, messagePage('3D Secure', 'This authentication is over, or never existed.'));
  }
  if (method === 'GET' && button === undefined) return htmlReply(200, challengePage(record));
  const action = ACTIONS[button ?? ''];
  if (method !== 'POST' || action === undefined) {
    return htmlReply(405, messagePage('3D Secure', 'Use the buttons of the page.'));
  }
  try {
    simulator.act(action, id);
  } catch (error) {
    if (!(error instanceof StripeApiError)) throw error;
    return htmlReply(409, messagePage('3D Secure', error.message));
  }
  return backToShop(simulator, record);
}

/** To `return_url` with the parameters Stripe adds, or to a page when the shop gave none. */
function backToShop(simulator: Simulator, before: PaymentIntentRecord): WireReply {
  const after = simulator.store.get('payment_intents', before.id)?.object ?? before.object;
  const isPaid = after.status === 'succeeded' || after.status === 'requires_capture';
  const returnUrl = before.object.next_action?.redirect_to_url.return_url ?? null;
  if (returnUrl === null) {
    const message = isPaid
      ? 'Authenticated. You may close this page.'
      : 'Not authenticated, or declined. You may close this page and try again.';
    return htmlReply(200, messagePage('3D Secure', message));
  }
  const target = new URL(returnUrl);
  target.searchParams.set('payment_intent', before.id);
  target.searchParams.set('payment_intent_client_secret', before.object.client_secret);
  target.searchParams.set('redirect_status', isPaid ? 'succeeded' : 'failed');
  return { status: 303, headers: { location: target.href, 'referrer-policy': 'no-referrer' }, body: '' };
}
