// Settlement's decisions: what becomes of money that reached no running checkout, of a checkout whose run is gone, of every
// refund. Everything is read anew with each look, because memory is PostgreSQL and truth is Stripe. Pure.
import type { SettlementCase } from '../../activities/settlement';
import { CAPTURE_UNWINDINGS, beginCapturing, judgeCaptured, type Capturing } from './capturing';
import { unexpected } from './checkout-state';
import type { ReleaseAs } from './commands';
import { beginEnding, endingRound, judgeEnded, unprovenRelease, type Ending } from './ending';
import {
  caseOf,
  SETTLEMENT_PAUSE_FIRST_MS,
  type SettlementAnswer,
  type SettlementDecision,
  type SettlementEvent,
  type SettlementState,
  type SettlementStep,
} from './settlement-state';

const PAUSE_MAX_MS = 300_000;

/** The one function that decides over a settlement. @throws Error on an answer that was not asked for. */
export function decideSettlement(state: SettlementState, event: SettlementEvent): SettlementDecision {
  if (event.type === 'settle_asked')
    return { state: { ...state, isWoken: true, hasNews: true }, commands: [] };
  const { step } = state;
  const answer = answerTo(state, event);
  switch (step.at) {
    case 'beginning':
      answer('begun');
      return { state: at(state, { at: 'reading' }), commands: [{ do: 'read_case' }] };
    case 'reading':
      return judgeCase({ ...state, found: answer('read').found });
    case 'asking':
      return answer('asked').isTaken ? leaveToRun(state) : finishInItsPlace(state);
    case 'closing_unbound':
      // Bound after all: another look, with the payment.
      return answer('unbound_closed').closed.outcome === 'bound' ? lookAgain(state) : readMoney(state);
    case 'ending':
      return event.type === 'woken'
        ? toEndingRound(state, step.ending, step.as)
        : judgeEnd(state, step, answer('ended').ended);
    case 'capturing':
      return goOnCapturing(state, step.capturing, event);
    case 'confirming':
    case 'releasing':
      answer('closed');
      return readMoney(state);
    case 'reading_money':
      return judgeMoney(state, answer('read').found);
    case 'recording_money':
      answer('done');
      return {
        state: at(state, { at: 'refunding', pauseMs: SETTLEMENT_PAUSE_FIRST_MS }),
        commands: [{ do: 'refund' }],
      };
    case 'refunding':
      return event.type === 'woken'
        ? { state, commands: [{ do: 'refund' }] }
        : judgeRefunded(state, step.pauseMs, answer('refunded').isAgain);
    case 'tidying':
      answer('done');
      return settled(state);
    case 'resting':
      answer('woken');
      return lookAgain(state);
  }
}

function answerTo(state: SettlementState, event: SettlementAnswer) {
  return <T extends SettlementAnswer['type']>(type: T): Extract<SettlementAnswer, { type: T }> => {
    if (event.type !== type) throw unexpected(state, event);
    return event as Extract<SettlementAnswer, { type: T }>;
  };
}

function lookAgain(state: SettlementState): SettlementDecision {
  const pauseMs = Math.min(state.pauseMs * 2, PAUSE_MAX_MS);
  return {
    state: { ...at(state, { at: 'reading' }), found: null, pauseMs, isWoken: false },
    commands: [{ do: 'turn_page' }, { do: 'read_case' }],
  };
}

/** Whoever woke it meanwhile is answered by a whole look that begins after the signal. */
function settled(state: SettlementState): SettlementDecision {
  return state.isWoken ? lookAgain(state) : { state, commands: [{ do: 'finish' }] };
}

function judgeCase(state: SettlementState): SettlementDecision {
  const { found } = state;
  if (found === null) return settled(state);
  if (found.isOpen) return { state: at(state, { at: 'asking' }), commands: [{ do: 'ask_checkout' }] };
  if (!isUnpaid(found)) return judgeMoney(state, found);
  if (found.paymentIntentId === null) return tidy(state);
  // A closed, unpaid checkout: late money takes the units again if they are free, else it goes back.
  return toEndingRound(state, beginEnding({ isReleased: true, isVoid: false }), null);
}

function isUnpaid({ status }: SettlementCase): boolean {
  return status === 'expired' || status === 'canceled' || status === 'payment_failed';
}

/** The checkout's own run judges its payment; news of money wait until it has ended. */
function leaveToRun(state: SettlementState): SettlementDecision {
  if (!caseOf(state).hasMoneyNews) return settled(state);
  return {
    state: at(state, { at: 'resting' }),
    commands: [{ do: 'turn_page' }, { do: 'rest', ms: state.pauseMs }],
  };
}

/** The saga's run is gone: its open checkout ends here, by the same steps. */
function finishInItsPlace(state: SettlementState): SettlementDecision {
  const found = caseOf(state);
  if (found.paymentIntentId === null) {
    return {
      state: at(state, { at: 'closing_unbound' }),
      commands: [{ do: 'close_unbound', failureCode: 'checkout_not_opened' }],
    };
  }
  const status = found.isDeadlinePassed ? 'expired' : 'canceled';
  return toEndingRound(state, beginEnding({ isReleased: false, isVoid: false }), {
    status,
    failureCode: null,
  });
}

function toEndingRound(state: SettlementState, ending: Ending, as: ReleaseAs | null): SettlementDecision {
  return {
    state: { ...at(state, { at: 'ending', ending, as }), hasNews: false },
    commands: [{ do: 'turn_page' }, ...endingRound(ending)],
  };
}

type EndingStep = Extract<SettlementStep, { at: 'ending' }>;

function judgeEnd(
  state: SettlementState,
  { ending, as }: EndingStep,
  answer: Parameters<typeof judgeEnded>[1],
): SettlementDecision {
  const found = caseOf(state);
  const move = judgeEnded(ending, answer, found.endPaymentPauseMaxSeconds);
  switch (move.next) {
    case 'round':
      return toEndingRound(state, move.ending, as);
    case 'pause':
      return {
        state: at(state, { at: 'ending', ending: move.ending, as }),
        commands: [{ do: 'pause', ms: move.pauseMs, isWoken: true }],
      };
    case 'give_up_hold': {
      const round = toEndingRound(state, move.ending, as);
      return {
        state: round.state,
        commands: [...unprovenRelease(found.unjudgedEventIds), ...round.commands],
      };
    }
    case 'ended':
      return judgeProof(state, move.as, as);
  }
}

function judgeProof(
  state: SettlementState,
  ended: 'canceled' | 'succeeded' | 'authorised',
  as: ReleaseAs | null,
): SettlementDecision {
  const { unjudgedEventIds: eventIds } = caseOf(state);
  if (ended === 'succeeded') return toConfirm(state);
  if (ended === 'authorised') return toCapturingRound(state, beginCapturing());
  if (as === null) return readMoney(state);
  return { state: at(state, { at: 'releasing' }), commands: [{ do: 'release', ...as, eventIds }] };
}

function toConfirm(state: SettlementState): SettlementDecision {
  const { unjudgedEventIds: eventIds } = caseOf(state);
  return { state: at(state, { at: 'confirming' }), commands: [{ do: 'confirm', eventIds }] };
}

function toCapturingRound(state: SettlementState, capturing: Capturing): SettlementDecision {
  return {
    state: { ...at(state, { at: 'capturing', capturing }), hasNews: false },
    commands: [{ do: 'turn_page' }, { do: 'secure_units' }],
  };
}

function goOnCapturing(
  state: SettlementState,
  capturing: Capturing,
  event: SettlementAnswer,
): SettlementDecision {
  if (event.type === 'woken') return toCapturingRound(state, capturing);
  if (event.type === 'secured') {
    return event.isSecured
      ? { state, commands: [{ do: 'capture', n: capturing.n }] }
      : letGo(state, 'units_gone');
  }
  const { captured } = answerTo(state, event)('captured');
  const move = judgeCaptured(capturing, captured, caseOf(state).endPaymentPauseMaxSeconds);
  switch (move.next) {
    case 'captured':
      return toConfirm(state);
    case 'lost':
      return letGo(state, move.why);
    case 'round':
      return toCapturingRound(state, move.capturing);
    case 'pause':
      return {
        state: at(state, { at: 'capturing', capturing: move.capturing }),
        commands: [{ do: 'pause', ms: move.pauseMs, isWoken: true }],
      };
  }
}

function letGo(state: SettlementState, why: keyof typeof CAPTURE_UNWINDINGS): SettlementDecision {
  const { status, failureCode, isVoid } = CAPTURE_UNWINDINGS[why];
  return toEndingRound(state, beginEnding({ isReleased: false, isVoid }), { status, failureCode });
}

/** How the row stands now that the payment has ended. */
function readMoney(state: SettlementState): SettlementDecision {
  return { state: at(state, { at: 'reading_money' }), commands: [{ do: 'read_case' }] };
}

/** Money that is in: what Stripe knows is written down first, then what was decided is sent, until it stands there. */
function judgeMoney(state: SettlementState, found: SettlementCase | null): SettlementDecision {
  if (found === null || found.paymentIntentId === null || found.isOpen || isUnpaid(found)) return tidy(state);
  return { state: at(state, { at: 'recording_money' }), commands: [{ do: 'record_money' }] };
}

function judgeRefunded(state: SettlementState, pauseMs: number, isAgain: boolean): SettlementDecision {
  if (!isAgain) return tidy(state);
  const nextMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  return {
    state: at(state, { at: 'refunding', pauseMs: nextMs }),
    commands: [{ do: 'turn_page' }, { do: 'pause', ms: pauseMs, isWoken: false }],
  };
}

/** No stored event stays without outcome. */
function tidy(state: SettlementState): SettlementDecision {
  const { unjudgedEventIds: eventIds } = caseOf(state);
  return { state: at(state, { at: 'tidying' }), commands: [{ do: 'close_events', eventIds }] };
}

function at(state: SettlementState, step: SettlementStep): SettlementState {
  return { ...state, step };
}
