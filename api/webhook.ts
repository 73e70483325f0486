// POST /api/webhooks/stripe: verify, store, hand on, and only then acknowledge.
import { WorkflowNotFoundError } from '@temporalio/client';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { Counter } from 'prom-client';

import { checkoutWorkflowId } from '../contracts/ids';
import { paymentEventSignal } from '../contracts/messages';
import { findCheckoutByPaymentIntent } from '../db/checkouts';
import { markForwarded, storeEvent } from '../db/inbox';
import type { ApiDeps } from './deps';
import { Problem } from './problems';
import { nameCheckout, requestLog } from './request-log';
import { startSettlement } from './settlement';
import { envelopeOf, kindOf, paymentEventOf, readEvent } from './webhook-event';
import type { StripeEvent } from './webhook-event';
import { verifiedEvent } from './webhook-signature';

const SIGNAL_DEADLINE_MS = 5_000;

/** What becomes of an event: handed on to its checkout's saga or settlement, or stored and left at that. */
type Verdict =
  | { act: 'signal' | 'settle'; checkoutId: string }
  | { act: 'store'; outcome: 'ignored' | 'no_effect'; reason: string };

export function stripeWebhookHandler(deps: ApiDeps): RequestHandler {
  const events = new Counter({
    name: 'holdfast_webhook_events_total',
    help: 'Verified events of Stripe, by what was done with them.',
    labelNames: ['act'],
    registers: [deps.metrics],
  });
  return async (request, response) => {
    const delivery = {
      body: request.body as unknown,
      signature: request.headersDistinct['stripe-signature'],
    };
    const event = readEvent(verifiedEvent(deps.stripe, delivery, deps.settings.webhookSecrets));
    const verdict = await judge(deps, event);
    if (verdict.act !== 'store') nameCheckout(response, verdict.checkoutId);
    const stored = await store(deps, event, verdict);
    const isHandedOn = verdict.act === 'store' || stored.forwardedAt !== null || stored.outcome !== null;
    if (!isHandedOn) {
      await forward(deps, event, verdict, requestLog(response));
      await markForwarded(deps.pool, event.eventId);
    }
    events.inc({ act: isHandedOn && verdict.act !== 'store' ? 'duplicate' : verdict.act });
    requestLog(response).info(
      { event_id: event.eventId, event_type: event.type, act: verdict.act, is_new: stored.isNew },
      'webhook event stored',
    );
    response.json({ received: true });
  };
}

/** A Stripe account has other users: only what carries our installation's id, or a PaymentIntent we bound, is ours. */
async function judge(deps: ApiDeps, event: StripeEvent): Promise<Verdict> {
  const ignored = (reason: string): Verdict => ({ act: 'store', outcome: 'ignored', reason });
  if (event.livemode !== (deps.settings.mode === 'live')) return ignored('other_livemode');
  if (event.holdfastEnv !== null && event.holdfastEnv !== deps.holdfastEnv)
    return ignored('other_holdfast_env');
  const kind = kindOf(event.type);
  if (kind === 'settlement') {
    const checkoutId = await checkoutOfMoney(deps, event);
    return checkoutId === null ? ignored('not_our_payment') : { act: 'settle', checkoutId };
  }
  if (event.holdfastEnv === null) return ignored('no_holdfast_env');
  if (kind === 'other') return { act: 'store', outcome: 'no_effect', reason: 'type_not_judged' };
  return event.checkoutId === null
    ? ignored('no_checkout_id')
    : { act: 'signal', checkoutId: event.checkoutId };
}

/** A refund made in the dashboard and every dispute carry no metadata of ours: their PaymentIntent tells. */
async function checkoutOfMoney(deps: ApiDeps, event: StripeEvent): Promise<string | null> {
  if (event.holdfastEnv !== null && event.checkoutId !== null) return event.checkoutId;
  if (event.paymentIntentId === null) return null;
  return findCheckoutByPaymentIntent(deps.pool, event.paymentIntentId);
}

function store(deps: ApiDeps, event: StripeEvent, verdict: Verdict) {
  const { eventId, type, livemode, createdUnixSeconds, paymentIntentId } = event;
  const isIgnored = verdict.act === 'store' && verdict.outcome === 'ignored';
  return storeEvent(deps.pool, {
    eventId,
    type,
    livemode,
    createdUnixSeconds,
    paymentIntentId,
    checkoutId: verdict.act === 'store' ? (isIgnored ? null : event.checkoutId) : verdict.checkoutId,
    payload: isIgnored ? envelopeOf(event) : event.payload,
    signal: verdict.act === 'signal' ? paymentEventOf(event) : null,
    outcome: verdict.act === 'store' ? verdict.outcome : null,
    reason: verdict.act === 'store' ? verdict.reason : null,
  });
}

/** @throws Problem webhook_not_forwarded when Temporal did not accept it: Stripe then delivers again. */
async function forward(
  deps: ApiDeps,
  event: StripeEvent,
  verdict: Verdict & { checkoutId: string },
  log: Logger,
): Promise<void> {
  try {
    const isTaken = verdict.act === 'signal' && (await signalCheckout(deps, event, verdict.checkoutId));
    if (!isTaken) await startSettlement(deps.temporalClient, verdict.checkoutId);
  } catch (err) {
    log.warn({ err, event_id: event.eventId }, 'webhook event not forwarded');
    throw new Problem('webhook_not_forwarded', { retryAfterSeconds: 5 });
  }
}

/** False when there is no run to take it: closed, or unknown to Temporal. */
async function signalCheckout(deps: ApiDeps, event: StripeEvent, checkoutId: string): Promise<boolean> {
  const { temporalClient } = deps;
  try {
    await temporalClient.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
      temporalClient.workflow
        .getHandle(checkoutWorkflowId(checkoutId))
        .signal(paymentEventSignal, paymentEventOf(event)),
    );
    return true;
  } catch (err) {
    if (err instanceof WorkflowNotFoundError) return false;
    throw err;
  }
}
