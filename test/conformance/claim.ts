// A claim about Stripe, as the code relies on it; and a claim that only the simulator's control plane can provoke.
import type { Conversation } from './conversation';

export interface Claim {
  /** Short and stable: what a report is compared by. */
  readonly id: string;
  readonly says: string;
  /** @throws ClaimFailed when it does not hold, NotHere when this account cannot show it. */
  readonly run: (talk: Conversation) => Promise<void>;
}

/** Claims of one area, in the order they run. */
export function claims(area: string, list: Readonly<Record<string, Claim['run']>>): readonly Claim[] {
  return Object.entries(list).map(([says, run], index) => ({ id: `${area}-${index + 1}`, says, run }));
}
