// The whole world of a search: one unit, one or two buyers, everything that is under way. Plain data, so that it can be compared.
import type { CheckoutState } from '../../workflows/decision/checkout-state';
import type { CheckoutCommand, SettlementCommand } from '../../workflows/decision/commands';
import type { SettlementState } from '../../workflows/decision/settlement-state';
import type { Row } from './model/stock';
import type { Intent, Request } from './model/stripe';

export interface World {
  nowMs: number;
  /** Of the one unit there is. */
  free: number;
  /** Sold to somebody outside this search. */
  soldElsewhere: number;
  captureMethod: 'automatic' | 'manual';
  buyers: Buyer[];
  /** How often each kind of thing may still happen. */
  left: Record<Kind, number>;
}

/** `trouble`: every crash, lost or duplicated message, lost reply, error of Stripe or of the database. */
export type Kind =
  | 'trouble'
  | 'setback'
  | 'person'
  | 'cancel'
  | 'operator'
  | 'extend'
  | 'terminate'
  | 'lapse'
  | 'rival'
  | 'holdMax';

export interface Buyer {
  row: Row;
  intents: Intent[];
  /** What Stripe answered under each idempotency key. */
  keys: Record<string, string>;
  run: Actor<CheckoutState, CheckoutCommand> | null;
  /** `settle-<id>`, while it runs. */
  settle: Actor<SettlementState, SettlementCommand> | null;
  /** A create whose saga has given up, and which goes on all the same. */
  late: { pc: 'post' | 'bind' | 'drop'; key: string; intent: number } | null;
  /** Requests whose sender is gone, still on their way to Stripe. */
  delayed: Request[];
  /** Events that Stripe has made and nobody has stored. */
  wire: string[];
  /** Stored events. */
  inbox: Record<string, 'open' | 'judged'>;
  /** Said by a person: the payment is to be ended whatever its status. */
  isGivenUp: boolean;
  /** An authorised payment in time was let go although nobody asked and its units were there. */
  isThrownAway: boolean;
}

export type Who = 'run' | 'settle';

/** A saga, and how far the command at the head of `todo` has come. */
export interface Actor<State, Command> {
  state: State;
  todo: Command[];
  pc: string;
  /** What the last look at Stripe said. */
  seen: string;
  tries: number;
}

export interface Move {
  name: string;
  apply: (world: World) => void;
}

export const WINDOW_MS = 300_000;
export const HOLD_MAX_MS = 86_400_000;

/** Sets a key in its place, whatever the order in which keys come: equal worlds are equal texts. */
export function put<T>(record: Record<string, T>, key: string, value: T): Record<string, T> {
  return Object.fromEntries(
    Object.entries({ ...record, [key]: value }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
