// What operators do to one checkout: told to its run, or to settlement where nothing runs. Each act is idempotent by the
// operation's id.
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import type { CancelByOperatorAnswer, ExtendAnswer } from '../contracts/operations';
import { isOpenCheckoutStatus } from '../contracts/statuses';
import type { CheckoutStatus } from '../contracts/statuses';
import { readCheckout } from '../db/checkouts';
import type { CheckoutView } from '../db/checkouts';
import type { ActivityDeps } from './deps';
import { watchedAll } from './endless';
import type { ReadPaymentInput } from './read-payment';

export function checkoutOperationActivities(deps: ActivityDeps) {
  return { ...watchedAll(deps, acts(deps)), ...waits(deps) };
}

function acts(deps: ActivityDeps) {
  const { runs } = deps;
  return {
    /** Has the run end the payment. Without a run settlement does, which looks for this operation's row. */
    async cancelByOperator(input: {
      checkoutId: string;
      operationId: string;
    }): Promise<CancelByOperatorAnswer> {
      const { checkoutId, operationId } = input;
      const answer = await runs.cancelByOperator(checkoutId, operationId);
      if (answer !== null) return answer;
      await runs.startSettlement(checkoutId);
      return { outcome: 'accepted' };
    },

    async extendByOperator(input: {
      checkoutId: string;
      operationId: string;
      seconds: number;
    }): Promise<ExtendAnswer> {
      const { checkoutId, operationId, seconds } = input;
      const answer = await runs.extendCheckout(checkoutId, { requestKey: operationId, seconds });
      if (answer !== null) return answer;
      const { status } = await readRow(deps, checkoutId);
      if (!isOpenCheckoutStatus(status)) return { outcome: 'refused', refusal: 'checkout_closed' };
      await runs.startSettlement(checkoutId);
      return { outcome: 'refused', refusal: 'no_run' };
    },

    /** What is due for a checkout's payment; null where none is bound. */
    async readDue({ checkoutId }: { checkoutId: string }): Promise<ReadPaymentInput | null> {
      const { paymentIntentId, amountMinor, currency } = await readRow(deps, checkoutId);
      if (paymentIntentId === null || amountMinor === null || currency === null) return null;
      return { checkoutId, paymentIntentId, amountMinor, currency };
    },

    /** Has the payment read again: by the run that waits for it, else by settlement. */
    async askAgain({ checkoutId }: { checkoutId: string }): Promise<{ asked: 'checkout' | 'settlement' }> {
      const { status } = await readRow(deps, checkoutId);
      if (isOpenCheckoutStatus(status) && (await runs.askCheckout(checkoutId))) return { asked: 'checkout' };
      await runs.startSettlement(checkoutId);
      return { asked: 'settlement' };
    },
  };
}

/** Not watched: what they wait for is brought about by others, who open incidents of their own. */
function waits(deps: ActivityDeps) {
  const { runs } = deps;
  return {
    /** Once the operator's cancel is on its way: how the checkout has ended. Fails, to be tried again, until it has. */
    async readEnd({ checkoutId }: { checkoutId: string }): Promise<{ status: CheckoutStatus }> {
      const { status } = await readRow(deps, checkoutId);
      if (!isOpenCheckoutStatus(status)) return { status };
      if (!(await runs.isCheckoutRunning(checkoutId))) await runs.startSettlement(checkoutId);
      throw notYet('The checkout has not ended yet');
    },

    /** After settlement was woken for money that is in: what it made of it. Fails, to be tried again, until it has. */
    async readSettled({ checkoutId }: { checkoutId: string }): Promise<{ status: CheckoutStatus }> {
      const { status } = await readRow(deps, checkoutId);
      if (status === 'confirmed' || status === 'refund_pending' || status === 'refunded') return { status };
      await runs.startSettlement(checkoutId);
      throw notYet('The money has not been settled yet');
    },
  };
}

async function readRow({ pool }: ActivityDeps, checkoutId: string): Promise<CheckoutView> {
  const row = await readCheckout(pool, checkoutId);
  if (row === null) throw ApplicationFailure.nonRetryable('The checkout has no row', 'CheckoutMissing');
  return row;
}

/** Nothing is wrong: the workflow asks again. */
function notYet(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: 'NotYet',
    category: ApplicationFailureCategory.BENIGN,
  });
}
