// Step 2: create the PaymentIntent and bind its id to the checkout, once. Runs on a queue of its own with a rate.
import { log } from '@temporalio/activity';

import { bindPaymentIntent } from '../db/checkouts';
import { openIncident } from '../db/incidents';
import { readStripeFailure } from '../platform/stripe-failures';
import type { PaymentIntentReply } from '../platform/stripe';
import type { ActivityDeps } from './deps';
import {
  cancelOrphan,
  createPaymentIntent,
  findCreatedPaymentIntent,
  tryAgain,
  type CreateInput,
} from './stripe-calls';

export type CreateOutcome =
  | { outcome: 'bound'; paymentIntentId: string }
  /** The checkout closed meanwhile; what was created has been cancelled. */
  | { outcome: 'closed' }
  /** A definite error that Stripe has stored under this key, and nothing was created: go on with `n + 1`. */
  | { outcome: 'again' }
  /** Repeating cannot help. */
  | { outcome: 'rejected'; code: string };

type Created = { created: PaymentIntentReply } | { outcome: 'again' } | { outcome: 'rejected'; code: string };

export function createPaymentActivities(deps: ActivityDeps) {
  return {
    async createPayment(input: CreateInput): Promise<CreateOutcome> {
      const result = await createOrFind(deps, input);
      if (!('created' in result)) return result;
      return bind(deps, input.checkoutId, result.created.id);
    },
  };
}

async function createOrFind(deps: ActivityDeps, input: CreateInput): Promise<Created> {
  try {
    return { created: await createPaymentIntent(deps, input) };
  } catch (error) {
    const failure = readStripeFailure(error);
    switch (failure.kind) {
      case 'no_reply':
        throw tryAgain('Stripe gave no readable answer to a create', 'StripeNoReply');
      case 'not_executed':
        throw tryAgain('Stripe did not execute a create', 'StripeNotExecuted', failure.retryAfterMs);
      case 'server_error':
        return findOrAgain(deps, input);
      case 'unauthorized':
        await reportRejection(deps, input.checkoutId, 'unauthorized');
        return { outcome: 'rejected', code: 'unauthorized' };
      case 'unexpected_state':
        return { outcome: 'rejected', code: 'payment_intent_unexpected_state' };
      case 'rejected':
        if (!failure.code.startsWith('amount_too_'))
          await reportRejection(deps, input.checkoutId, failure.code);
        return { outcome: 'rejected', code: failure.code };
    }
  }
}

/** After a 5xx the PaymentIntent may exist all the same. */
async function findOrAgain(deps: ActivityDeps, input: CreateInput): Promise<Created> {
  try {
    const found = await findCreatedPaymentIntent(deps, input);
    return found === null ? { outcome: 'again' } : { created: found };
  } catch {
    throw tryAgain('Stripe could not be asked for what a create left', 'StripeNoReply');
  }
}

async function bind(deps: ActivityDeps, checkoutId: string, paymentIntentId: string): Promise<CreateOutcome> {
  const bound = await bindPaymentIntent(deps.pool, { checkoutId, paymentIntentId });
  switch (bound.outcome) {
    case 'bound':
      return { outcome: 'bound', paymentIntentId };
    case 'bound_to_other':
      await dropOrphan(deps, checkoutId, paymentIntentId);
      return { outcome: 'bound', paymentIntentId: bound.paymentIntentId };
    case 'closed':
      await dropOrphan(deps, checkoutId, paymentIntentId);
      return { outcome: 'closed' };
  }
}

async function dropOrphan(deps: ActivityDeps, checkoutId: string, paymentIntentId: string): Promise<void> {
  try {
    await cancelOrphan(deps, checkoutId, paymentIntentId);
  } catch (error) {
    if (readStripeFailure(error).kind === 'unexpected_state') return;
    log.warn('orphan payment not cancelled yet', {
      checkout_id: checkoutId,
      payment_intent_id: paymentIntentId,
    });
    throw tryAgain('An unbound PaymentIntent could not be cancelled yet', 'OrphanNotCancelled');
  }
}

async function reportRejection(deps: ActivityDeps, checkoutId: string, code: string): Promise<void> {
  await openIncident(deps.pool, { checkoutId, kind: 'payment_create_rejected', detail: { code } });
}
