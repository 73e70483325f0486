// What a settlement knows between two commands, and what it may hear.
import type { CloseUnboundOutcome, EndedCheckout } from '../../activities/checkout';
import type { SettlementCase } from '../../activities/settlement';
import type { CapturedAnswer, Capturing } from './capturing';
import type { Decision } from './checkout-state';
import type { ReleaseAs, SettlementCommand } from './commands';
import type { EndedAnswer, Ending } from './ending';

export interface SettlementState {
  step: SettlementStep;
  /** As the look under way found it. */
  found: SettlementCase | null;
  /** Before the next look, where this one must wait for the checkout's own run. */
  pauseMs: number;
  /** Since this look began: another, whole one follows, whatever this one has ended. */
  isWoken: boolean;
  /** Since this round of ending or capturing began. */
  hasNews: boolean;
}

export type SettlementStep =
  | { at: 'beginning' }
  | { at: 'reading' }
  | { at: 'asking' }
  | { at: 'closing_unbound' }
  /** `as`: what the checkout is closed as; null where it has closed already. */
  | { at: 'ending'; ending: Ending; as: ReleaseAs | null }
  | { at: 'capturing'; capturing: Capturing }
  | { at: 'confirming' }
  | { at: 'releasing' }
  | { at: 'reading_money' }
  | { at: 'recording_money' }
  | { at: 'refunding'; pauseMs: number }
  | { at: 'tidying' }
  | { at: 'resting' };

export type SettlementAnswer =
  | { type: 'begun' }
  | { type: 'read'; found: SettlementCase | null }
  /** Whether a running checkout took the request to read its payment again. */
  | { type: 'asked'; isTaken: boolean }
  | { type: 'unbound_closed'; closed: CloseUnboundOutcome }
  | { type: 'ended'; ended: EndedAnswer }
  | { type: 'secured'; isSecured: boolean }
  | { type: 'captured'; captured: CapturedAnswer }
  | { type: 'closed'; closed: EndedCheckout }
  | { type: 'refunded'; isAgain: boolean }
  | { type: 'woken' }
  | { type: 'done' };

/** The one message carries nothing. */
export type SettlementEvent = SettlementAnswer | { type: 'settle_asked' };
export type SettlementDecision = Decision<SettlementState, SettlementCommand>;

export const SETTLEMENT_PAUSE_FIRST_MS = 5_000;

export const FIRST_SETTLEMENT_STATE: SettlementState = {
  step: { at: 'beginning' },
  found: null,
  pauseMs: SETTLEMENT_PAUSE_FIRST_MS,
  isWoken: false,
  hasNews: false,
};

export function caseOf({ found }: SettlementState): SettlementCase {
  if (found === null) throw new Error('There is nothing to settle.');
  return found;
}
