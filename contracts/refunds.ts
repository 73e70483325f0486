// A refund that an operator asks for, and how it is decided.
import type { RequestedLine } from './checkout';

export interface RefundRequest {
  checkoutId: string;
  /** Null: everything that is left. */
  amountMinor: number | null;
  /** Units that go back on sale once the money is back. Nothing returns unless it is named. */
  returnedLines: RequestedLine[] | 'all';
  /** Who, as the operators know each other; not a buyer's name. */
  requestedBy: string;
  reason: string;
}

export type RefundDecision =
  | { outcome: 'decided'; amountMinor: number }
  | {
      outcome:
        'not_paid' | 'disputed' | 'nothing_left' | 'amount_too_large' | 'units_not_sold' | 'key_reused';
    };
