// Step 2: create the PaymentIntent and bind its id to the checkout, once. Runs on a queue of its own with a rate.
import { log } from '@temporalio/activity';

import { bindPaymentIntent } from '../db/checkouts';
import { readStripeFailure, type StripeFailure } from '../platform/stripe-failures';
import type { PaymentIntentReply } from '../platform/stripe';
import { decisionOn, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';
import { awaitCreateTurn } from './pace';
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
  /** The deadline has passed, and nothing was created. */
  | { outcome: 'too_late' }
  /** Repeating cannot help. */
  | { outcome: 'rejected'; code: string };

type Created = { created: PaymentIntentReply } | { outcome: 'again' } | { outcome: 'rejected'; code: string };

export function createPaymentActivities(deps: ActivityDeps) {
  return {
    async createPayment(input: CreateInput): Promise<CreateOutcome> {
      const turn = await awaitCreateTurn(deps, input.checkoutId);
      if (turn === 'too_late') return { outcome: 'too_late' };
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
    return readRefusal(deps, input, error);
  }
}

/** What a create that did not succeed means: its row in the table. */
async function readRefusal(deps: ActivityDeps, input: CreateInput, error: unknown): Promise<Created> {
  const { checkoutId } = input;
  const { decision, failure } = decisionOn('create', error);
  if (!isAboutTheAmount(failure)) await tell(deps, { checkoutId, call: 'create', decision, failure });
  const found = decision.look ? await find(deps, input) : null;
  if (found !== null) return { created: found };
  switch (decision.next) {
    case 'same_key':
      throw sameKeyAgain('create', failure);
    case 'new_key':
      return { outcome: 'again' };
    case 'stop':
      return { outcome: 'rejected', code: failure.code };
  }
}

/** The buyer's order, not a mistake of ours: our limits for a currency are not Stripe's. */
function isAboutTheAmount({ code }: StripeFailure): boolean {
  return code === 'amount_too_small' || code === 'amount_too_large';
}

/** After a 5xx the PaymentIntent may exist all the same. */
async function find(deps: ActivityDeps, input: CreateInput): Promise<PaymentIntentReply | null> {
  try {
    return await findCreatedPaymentIntent(deps, input);
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
