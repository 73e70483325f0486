// Where a checkout that goes on for weeks may leave its history behind, and what is left to do then.
import type { CheckoutState } from './checkout-state';
import type { CheckoutCommand } from './commands';

/** The steps that repeat until Stripe has said how the payment ended. The window is minutes, and the others are one call. */
export function isRepeating({ step }: CheckoutState): boolean {
  return step.at === 'ending' || step.at === 'capturing';
}

/** No capture is sent on an old look at the units: it begins with a new one. */
export function leftToDo(commands: readonly CheckoutCommand[]): readonly CheckoutCommand[] {
  return commands[0]?.do === 'capture' ? [{ do: 'secure_units' }] : commands;
}
