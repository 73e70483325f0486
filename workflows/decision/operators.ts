// What an operator may still do to a running checkout, and why not.
import type { OperationRefusal } from '../../contracts/operations';
import type { CheckoutState, Step } from './checkout-state';

type Refusals = Readonly<Record<Step['at'], OperationRefusal | null>>;

/** Allowed also while the payment is being ended: from then on it is ended whatever its status. */
const CANCEL: Refusals = {
  beginning: null,
  opening: null,
  creating: null,
  waiting: null,
  looking: null,
  counting: null,
  extending: null,
  ending: null,
  capturing: 'payment_won',
  confirming: 'payment_won',
  releasing: null,
  closing_unbound: null,
  closed: 'checkout_closed',
};

const EXTENSION: Refusals = {
  beginning: 'still_opening',
  opening: 'still_opening',
  creating: 'still_opening',
  waiting: null,
  looking: null,
  counting: null,
  extending: null,
  ending: 'compensation_began',
  capturing: 'payment_won',
  confirming: 'payment_won',
  releasing: 'compensation_began',
  closing_unbound: 'compensation_began',
  closed: 'checkout_closed',
};

export function refusalOfCancel({ step }: CheckoutState): OperationRefusal | null {
  return CANCEL[step.at];
}

export function refusalOfExtension({ step }: CheckoutState): OperationRefusal | null {
  return EXTENSION[step.at];
}
