// POST /api/webhooks/stripe: verify, store, hand on, and only then acknowledge.
import { WorkflowNotFoundError } from '@temporalio/client';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { Counter } from 'prom-client';

import { checkoutWorkflowId } from '../contracts/ids';
import { paymentEventSignal } from '../contracts/messages';
import { readEvent, UnreadableEventError } from '../contracts/stripe-event';
import type { StripeEvent } from '../contracts/stripe-event';
import { takeIn } from '../db/event-intake';
import type { TakenEvent, Verdict } from '../db/event-intake';
import { markForwarded } from '../db/inbox';
import type { ApiDeps } from './deps';
import { Problem } from './problems';
import { nameCheckout, requestLog } from './request-log';
import { startSettlement } from './settlement';
import { verifiedEvent } from './webhook-signature';

const SIGNAL_DEADLINE_MS = 5_000;

type HandedOn = Exclude<Verdict, { act: 'store' }>;

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
    const body = verifiedEvent(deps.stripe, delivery, deps.settings.webhookSecrets);
    const { event, verdict, isNew, isDue } = await take(deps, body);
    if (verdict.act !== 'store') {
      nameCheckout(response, verdict.checkoutId);
      if (isDue) {
        await forward(deps, event, verdict, requestLog(response));
        await markForwarded(deps.pool, event.eventId);
      }
    }
    events.inc({ act: !isDue && verdict.act !== 'store' ? 'duplicate' : verdict.act });
    requestLog(response).info(
      { event_id: event.eventId, event_type: event.type, act: verdict.act, is_new: isNew },
      'webhook event stored',
    );
    response.json({ received: true });
  };
}

/** @throws Problem malformed_request for what is signed and yet no event. */
async function take(deps: ApiDeps, body: unknown): Promise<TakenEvent & { event: StripeEvent }> {
  try {
    const event = readEvent(body);
    const ownership = { holdfastEnv: deps.holdfastEnv, isLive: deps.settings.mode === 'live' };
    return { event, ...(await takeIn(deps.pool, event, ownership)) };
  } catch (err) {
    if (!(err instanceof UnreadableEventError)) throw err;
    throw new Problem('malformed_request', { detail: err.message });
  }
}

/** @throws Problem webhook_not_forwarded when Temporal did not accept it: Stripe then delivers again. */
async function forward(deps: ApiDeps, event: StripeEvent, verdict: HandedOn, log: Logger): Promise<void> {
  try {
    const isTaken = verdict.act === 'signal' && (await signalCheckout(deps, verdict));
    if (!isTaken) await startSettlement(deps.temporalClient, verdict.checkoutId);
  } catch (err) {
    log.warn({ err, event_id: event.eventId }, 'webhook event not forwarded');
    throw new Problem('webhook_not_forwarded', { retryAfterSeconds: 5 });
  }
}

/** False when there is no run to take it: closed, or unknown to Temporal. */
async function signalCheckout(
  { temporalClient }: ApiDeps,
  { checkoutId, signal }: Extract<Verdict, { act: 'signal' }>,
): Promise<boolean> {
  try {
    await temporalClient.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
      temporalClient.workflow.getHandle(checkoutWorkflowId(checkoutId)).signal(paymentEventSignal, signal),
    );
    return true;
  } catch (err) {
    if (err instanceof WorkflowNotFoundError) return false;
    throw err;
  }
}
