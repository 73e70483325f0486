// Every kind of answer that a call to Stripe can get, as faults of the simulator. `happened`: the call took effect all the same.
import type { StripeFailureKind } from '../../platform/stripe-failures';

export interface SpoiltAnswer {
  kind: StripeFailureKind;
  happened: boolean;
  reply: unknown;
}

function pair(name: string, kind: StripeFailureKind, reply: unknown) {
  return {
    [`${name}, and it happened`]: { kind, happened: true, reply },
    [`${name}, and it did not happen`]: { kind, happened: false, reply },
  };
}

const only = (kind: StripeFailureKind, status: number, code?: string): SpoiltAnswer => ({
  kind,
  happened: false,
  reply: { status, ...(code === undefined ? {} : { code }) },
});

export const ANSWERS: Readonly<Record<string, SpoiltAnswer>> = {
  ...pair('a torn reply', 'no_reply', 'truncate'),
  ...pair('a reply with status 200 that is somebody else’s', 'no_reply', 'foreign'),
  ...pair('409', 'not_executed', { status: 409, code: 'idempotency_key_in_use' }),
  '429, the object is locked': only('not_executed', 429, 'lock_timeout'),
  '429, too many calls': only('not_executed', 429, 'rate_limit'),
  ...pair('500', 'server_error', { status: 500 }),
  '503': only('server_error', 503),
  payment_intent_unexpected_state: only('unexpected_state', 400, 'payment_intent_unexpected_state'),
  '401': only('unauthorized', 401),
  '403': only('unauthorized', 403),
  '402': only('declined', 402, 'card_declined'),
  capture_charge_authorization_expired: only('declined', 400, 'capture_charge_authorization_expired'),
  capture_unauthorized_payment: only('declined', 400, 'capture_unauthorized_payment'),
  charge_expired_for_capture: only('declined', 400, 'charge_expired_for_capture'),
  charge_disputed: only('disputed', 400, 'charge_disputed'),
  '400': only('rejected', 400, 'parameter_invalid_integer'),
  '404': only('rejected', 404, 'resource_missing'),
};
