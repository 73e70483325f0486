// What a search runs: the product's own decisions, and the bugs that may be planted in them or in what carries them out.
import { decide } from '../../workflows/decision/checkout';
import { decideSettlement } from '../../workflows/decision/settlement';

export interface Rules {
  decide: typeof decide;
  decideSettlement: typeof decideSettlement;
  /** Confirm does not look whether the units are still there. */
  isConfirmBlind: boolean;
  isEveryCancelErrorCanceled: boolean;
  /** An activity that runs again sends its request under another key. */
  isNewKeyPerTry: boolean;
  isRefundWithoutKey: boolean;
}

export const PRODUCT: Rules = {
  decide,
  decideSettlement,
  isConfirmBlind: false,
  isEveryCancelErrorCanceled: false,
  isNewKeyPerTry: false,
  isRefundWithoutKey: false,
};
