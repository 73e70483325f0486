// The two sagas in a search, run by the product's decisions: answers go in, commands come out.
import type { CheckoutMessage, CheckoutState } from '../../workflows/decision/checkout-state';
import { FIRST_STATE, type CheckoutAnswer } from '../../workflows/decision/checkout-state';
import type { CheckoutCommand, SettlementCommand } from '../../workflows/decision/commands';
import {
  FIRST_SETTLEMENT_STATE,
  SETTLEMENT_PAUSE_FIRST_MS,
  type SettlementAnswer,
  type SettlementState,
} from '../../workflows/decision/settlement-state';
import type { Rules } from './rules';
import type { Actor, Buyer, Who, World } from './world';

export type Answer = CheckoutAnswer | SettlementAnswer;
type Command = CheckoutCommand | SettlementCommand;

export function newRun(): NonNullable<Buyer['run']> {
  return { state: FIRST_STATE, todo: [], pc: '', seen: '', tries: 0 };
}

/** False where no run takes messages any more. */
export function hear(rules: Rules, world: World, buyer: Buyer, message: CheckoutMessage): boolean {
  const { run } = buyer;
  if (run === null) return false;
  run.state = plain(rules.decide(run.state, { ...message, nowMs: world.nowMs }).state);
  return true;
}

/** Starts `settle-<id>`, or wakes the one that runs. */
export function startSettlement(rules: Rules, world: World, buyer: Buyer): void {
  if (buyer.settle === null) {
    buyer.settle = { state: FIRST_SETTLEMENT_STATE, todo: [], pc: '', seen: '', tries: 0 };
    decideOn(rules, world, buyer, 'settle', { type: 'begun' });
  } else {
    buyer.settle.state = plain(rules.decideSettlement(buyer.settle.state, { type: 'settle_asked' }).state);
  }
}

/** The command at the head is done; the answer of the last one is decided upon. */
export function finish(rules: Rules, world: World, buyer: Buyer, who: Who, answer: Answer): void {
  const actor = buyer[who] as Actor<unknown, Command>;
  Object.assign(actor, { pc: '', seen: '', tries: 0 });
  actor.todo.shift();
  if (actor.todo.length === 0) decideOn(rules, world, buyer, who, answer);
  else skipNotes(rules, world, buyer, who);
}

export function decideOn(rules: Rules, world: World, buyer: Buyer, who: Who, answer: Answer): void {
  const { nowMs } = world;
  const actor = buyer[who] as Actor<unknown, Command>;
  Object.assign(actor, { pc: '', seen: '', tries: 0 });
  if (who === 'run') {
    const run = buyer.run as NonNullable<Buyer['run']>;
    const decided = rules.decide(run.state, { ...(answer as CheckoutAnswer), nowMs });
    run.state = plain(decided.state);
    run.todo = [...decided.commands];
  } else {
    const settle = buyer.settle as NonNullable<Buyer['settle']>;
    const decided = rules.decideSettlement(settle.state, answer as SettlementAnswer);
    settle.state = plain(decided.state);
    settle.todo = [...decided.commands];
  }
  skipNotes(rules, world, buyer, who);
}

const NOTES = new Set<Command['do']>([
  'show',
  'show_unwinding',
  'answer_opened',
  'answer_closed',
  'answer_extension',
  'open_incident',
  'turn_page',
]);

/** What only tells somebody changes nothing in this world. */
function skipNotes(rules: Rules, world: World, buyer: Buyer, who: Who): void {
  const { todo } = buyer[who] as Actor<unknown, Command>;
  while (todo.length > 0 && NOTES.has((todo[0] as Command).do)) todo.shift();
  if (todo.length === 0) decideOn(rules, world, buyer, who, { type: 'done' });
  else if ((todo[0] as Command).do === 'finish') buyer[who] = null;
}

/** How long a pause is, and in what order judged events stand, is of no consequence: worlds that differ in no more are one. */
function plain<State extends CheckoutState | SettlementState>(state: State): State {
  const { step } = state;
  const pauses = { pauseSeconds: 5 };
  const even = { ...state };
  if (step.at === 'ending') even.step = { ...step, ending: { ...step.ending, ...pauses } };
  if (step.at === 'capturing') even.step = { ...step, capturing: { ...step.capturing, ...pauses } };
  if (step.at === 'refunding') even.step = { ...step, pauseMs: SETTLEMENT_PAUSE_FIRST_MS };
  if ('pauseMs' in even) even.pauseMs = SETTLEMENT_PAUSE_FIRST_MS;
  if ('judgedIds' in even) even.judgedIds = even.judgedIds.toSorted();
  return even;
}
