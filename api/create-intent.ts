// POST /api/payment/create-intent: the buyer's way into a checkout.
import type { Request, RequestHandler } from 'express';

import type { CheckoutInput } from '../contracts/checkout';
import { canonicalLines, checkoutIdFromKey, requestFingerprint } from '../contracts/fingerprint';
import { checkoutToken } from '../platform/tokens';
import { parseBody } from './body';
import { createIntentJson } from './checkout-json';
import { readClientSecret } from './client-secret';
import type { ApiDeps } from './deps';
import { createInFlightGate } from './in-flight';
import { openCheckout } from './open-checkout';
import { Problem } from './problems';
import { nameCheckout, requestLog } from './request-log';
import { readIdempotencyKey } from './idempotency-key';
import { createIntentBody, customerIdRule } from './schemas';
import { createSoldOutCheck } from './sold-out';

export function createIntentHandler(deps: ApiDeps): RequestHandler {
  const entrance = {
    gate: createInFlightGate(deps.settings.inFlightMax, deps.metrics),
    soldOut: createSoldOutCheck(deps.pool, deps.metrics),
  };
  return async (request, response) => {
    const input = readInput(request);
    nameCheckout(response, input.checkoutId);
    const checkout = await openCheckout(deps, entrance, input);
    const clientSecret = await readClientSecret(deps.stripe, checkout, requestLog(response));
    const token = checkoutToken(deps.settings.checkoutTokenSecret, input.checkoutId);
    response
      .status(201)
      .setHeader('Cache-Control', 'no-store')
      .json(createIntentJson(checkout, { token, clientSecret }));
  };
}

function readInput(request: Request): CheckoutInput {
  const key = readIdempotencyKey(request);
  const body = parseBody(createIntentBody, request);
  const customerId = body.customer_id ?? null;
  if (customerId !== null && !customerIdRule.safeParse(customerId).success)
    throw new Problem('invalid_customer_id');
  const lines = canonicalLines(
    body.items.map((item) => ({ dropProductId: item.drop_product_id, quantity: item.quantity })),
  );
  return {
    checkoutId: checkoutIdFromKey(key),
    requestFingerprint: requestFingerprint(lines, customerId),
    lines,
    customerId,
  };
}
