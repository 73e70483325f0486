// The buyer's own checkout: read it, pay it, give it up.
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { Request, RequestHandler, Response } from 'express';

import { checkoutWorkflowId } from '../contracts/ids';
import { cancelSignal } from '../contracts/messages';
import { isOpenCheckoutStatus } from '../contracts/statuses';
import { readCheckout } from '../db/checkouts';
import type { CheckoutView } from '../db/checkouts';
import { requireCheckoutId } from './authorization';
import { checkoutJson } from './checkout-json';
import { readClientSecret } from './client-secret';
import type { ApiDeps } from './deps';
import { Problem } from './problems';
import { nameCheckout, nameStream, requestLog } from './request-log';
import { startSettlement } from './settlement';

const SIGNAL_DEADLINE_MS = 5_000;

export function readCheckoutHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const checkout = await requireCheckout(deps, request, response);
    response.setHeader('Cache-Control', 'no-store').json(checkoutJson(checkout));
  };
}

export function readPaymentHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const checkout = await requireCheckout(deps, request, response);
    if (!checkout.isPayable || checkout.paymentIntentId === null) {
      throw new Problem('checkout_not_payable', { extensions: { checkout_status: checkout.status } });
    }
    const clientSecret = await readClientSecret(deps.stripe, checkout, requestLog(response));
    if (clientSecret === null) throw new Problem('service_unavailable', { retryAfterSeconds: 2 });
    response
      .setHeader('Cache-Control', 'no-store')
      .json({ payment_intent_id: checkout.paymentIntentId, client_secret: clientSecret });
  };
}

/** 202 also when the run is gone: settlement then decides in its place, from what Stripe says. */
export function cancelCheckoutHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const checkout = await requireCheckout(deps, request, response);
    if (isOpenCheckoutStatus(checkout.status)) {
      await askToCancel(deps.temporalClient, checkout.checkoutId);
    } else if (checkout.status !== 'canceled') {
      throw new Problem('checkout_closed', {
        extensions: { checkout_status: checkout.status, order_id: checkout.orderId },
      });
    }
    response.status(202).json({ checkout_id: checkout.checkoutId, status: checkout.status });
  };
}

/** The token comes first, so that unknown ids and wrong tokens differ in nothing, not even in what they cost. */
export function checkoutEventsHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    nameStream(response);
    const checkoutId = requireCheckoutId(request, deps.settings.checkoutTokenSecret);
    nameCheckout(response, checkoutId);
    await deps.streams.checkout(checkoutId, request, response);
  };
}

async function askToCancel(client: Client, checkoutId: string): Promise<void> {
  try {
    await client.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
      client.workflow.getHandle(checkoutWorkflowId(checkoutId)).signal(cancelSignal),
    );
  } catch (err) {
    if (!(err instanceof WorkflowNotFoundError)) throw err;
    await startSettlement(client, checkoutId);
  }
}

async function requireCheckout(deps: ApiDeps, request: Request, response: Response): Promise<CheckoutView> {
  const checkoutId = requireCheckoutId(request, deps.settings.checkoutTokenSecret);
  nameCheckout(response, checkoutId);
  const checkout = await readCheckout(deps.pool, checkoutId);
  if (checkout === null) throw new Problem('not_found');
  return checkout;
}
