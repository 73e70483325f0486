// Everything that may happen next in a world: the sagas' effects, the buyers, a person in the dashboard, operators, time, the network.
import { compare } from '../../activities/reconcile-verdict';
import { hasNews } from '../../workflows/decision/news';
import { refusalOfCancel, refusalOfExtension } from '../../workflows/decision/operators';
import { isInWindow } from '../../workflows/decision/payment-window';
import { decideOn, finish, hear, newRun, startSettlement } from './actors';
import { effectMoves } from './effects';
import { dropOrphan } from './effects-at-stripe';
import * as network from './model/network';
import * as stock from './model/stock';
import { become, eventOf, fail, intentOf, pay, request } from './model/stripe';
import type { Rules } from './rules';
import { HOLD_MAX_MS, type Buyer, type Kind, type Move, type World } from './world';

export interface NextMove extends Move {
  /** The system's own progress, and time's: what happens also if nobody does anything any more. */
  isOwn: boolean;
}

export const EXTENSION_SECONDS = 60;

export function newWorld(
  options: Pick<World, 'captureMethod'> & { buyers: number; left: Partial<World['left']> },
): World {
  const left: World['left'] = {
    trouble: 0, setback: 0, person: 0, cancel: 0, operator: 0, extend: 0, terminate: 0, lapse: 0, rival: 0, holdMax: 0,
    ...options.left,
  }; // prettier-ignore
  const { captureMethod } = options;
  const buyers = Array.from({ length: options.buyers }, newBuyer);
  return { nowMs: 0, free: 1, soldElsewhere: 0, captureMethod, buyers, left };
}

function newBuyer(): Buyer {
  return {
    row: {
      status: 'none', failureCode: null, hold: 'none', isLapsed: false, isTakenBack: false, bound: null, expiresMs: 0,
      attempts: [], refund: null,
    },
    intents: [], keys: {}, run: newRun(), settle: null, late: null, delayed: [], wire: [], inbox: {}, isGivenUp: false,
    isThrownAway: false,
  }; // prettier-ignore
}

export function movesOf(world: World, rules: Rules): NextMove[] {
  const moves: NextMove[] = [];
  const list: List = {
    own: (name, apply) => void moves.push({ name, apply, isOwn: true }),
    may: (name, kind, apply) => {
      if (kind !== null && world.left[kind] === 0) return;
      const spend: Move['apply'] = (w) => {
        if (kind !== null) w.left[kind] -= 1;
        apply(w);
      };
      moves.push({ name, apply: spend, isOwn: false });
    },
  };
  for (const b of world.buyers.keys()) {
    sagas(list, world, b, rules, moves);
    buyerAndBank(list, world, b);
    people(list, world, b, rules);
    wires(list, world, b, rules);
    database(list, world, b, rules);
  }
  time(list, world);
  return moves;
}

interface List {
  own: (name: string, apply: Move['apply']) => void;
  /** Costs one of its kind; null: as often as it fits. */
  may: (name: string, kind: Kind | null, apply: Move['apply']) => void;
}

const at = (world: World, b: number): Buyer => world.buyers[b] as Buyer;

function sagas(list: List, world: World, b: number, rules: Rules, moves: NextMove[]): void {
  const { run } = at(world, b);
  if (run !== null && run.todo.length === 0) {
    // Whoever comes later comes while there is a unit: to all others the API says "sold out" before any workflow.
    if (b > 0 && world.free === 0) return;
    list.own(`${b} run begins`, (w) => decideOn(rules, w, at(w, b), 'run', { type: 'begun', isLate: false }));
    list.may(`${b} run begins late`, 'trouble', (w) =>
      decideOn(rules, w, at(w, b), 'run', { type: 'begun', isLate: true }),
    );
    return;
  }
  const [waiting] = run?.todo ?? [];
  if (run !== null && waiting?.do === 'wait') {
    if (hasNews(run.state) || world.nowMs >= waiting.untilMs)
      list.own(`${b} run wakes`, (w) => finish(rules, w, at(w, b), 'run', { type: 'woken' }));
  }
  for (const who of ['run', 'settle'] as const) {
    if (at(world, b)[who] === null) continue;
    for (const move of effectMoves(world, b, who, rules))
      moves.push({ ...move, isOwn: !move.name.includes(':') });
  }
}

function buyerAndBank({ own, may }: List, world: World, b: number): void {
  const { row, intents } = at(world, b);
  const index = row.bound;
  const status = intents[index ?? -1]?.status;
  if (index === null || status === undefined) return;
  const failing = (isHard: boolean) => (w: World) => fail(at(w, b), index, isHard);
  if (status === 'requires_payment_method') {
    may(`${b} buyer pays`, null, (w) => pay(w, at(w, b), index));
    may(`${b} buyer is declined`, 'setback', failing(false));
    may(`${b} buyer is declined for good`, 'setback', failing(true));
    may(`${b} buyer begins 3DS`, 'setback', (w) => become(at(w, b), index, 'requires_action'));
    if (world.captureMethod === 'automatic')
      may(`${b} buyer pays by debit`, 'setback', (w) => become(at(w, b), index, 'processing'));
  }
  if (status === 'requires_action') {
    may(`${b} buyer completes 3DS`, null, (w) => pay(w, at(w, b), index));
    may(`${b} buyer fails 3DS`, null, failing(false));
  }
  if (status === 'processing') {
    own(`${b} debit arrives`, (w) => become(at(w, b), index, 'succeeded'));
    own(`${b} debit fails`, failing(false));
  }
  if (status === 'requires_capture')
    may(`${b} authorisation expires`, 'setback', (w) => become(at(w, b), index, 'canceled'));
}

function people({ may }: List, world: World, b: number, rules: Rules): void {
  const { row, intents, run } = at(world, b);
  const index = row.bound;
  const intent = intents[index ?? -1];
  if (index !== null && intent !== undefined) {
    const { status } = intent;
    if (status.startsWith('requires'))
      may(`${b} dashboard cancels`, 'person', (w) => become(at(w, b), index, 'canceled'));
    if (status === 'requires_capture')
      may(`${b} dashboard captures`, 'person', (w) => become(at(w, b), index, 'succeeded'));
    if (intent.captured && intent.refunds.length === 0)
      may(`${b} dashboard refunds`, 'person', (w) => void intentOf(at(w, b), index).refunds.push('person'));
  }
  if (run === null) return;
  if (!run.state.news.isCancelAsked)
    may(`${b} shopper cancels`, 'cancel', (w) => void hear(rules, w, at(w, b), { type: 'cancel_asked' }));
  if (refusalOfCancel(run.state) === null)
    may(`${b} operator cancels`, 'operator', (w) => {
      at(w, b).isGivenUp = true;
      hear(rules, w, at(w, b), { type: 'operator_canceled' });
    });
  if (isInWindow(run.state))
    may(`${b} run canceled`, 'operator', (w) => {
      at(w, b).isGivenUp = true;
      decideOn(rules, w, at(w, b), 'run', { type: 'run_canceled' });
    });
  if (refusalOfExtension(run.state) === null) {
    const request = { requestKey: 'extension', seconds: EXTENSION_SECONDS };
    may(
      `${b} operator extends`,
      'extend',
      (w) => void hear(rules, w, at(w, b), { type: 'extension_asked', request }),
    );
  }
  may(`${b} run terminated`, 'terminate', (w) => void (at(w, b).run = null));
}

function wires({ own, may }: List, world: World, b: number, rules: Rules): void {
  const { wire, inbox, run, delayed, late } = at(world, b);
  const receiver = (w: World): network.Receiver => ({
    hear: (buyer, event) => hear(rules, w, buyer, { type: 'payment_event', event }),
    settle: (buyer) => startSettlement(rules, w, buyer),
  });
  for (const id of wire) {
    const { type } = eventOf(id);
    own(`${b} delivers ${id} ${type}`, (w) => network.deliver(at(w, b), id, receiver(w), false));
    may(`${b} delivers twice ${id} ${type}`, 'trouble', (w) =>
      network.deliver(at(w, b), id, receiver(w), true),
    );
    may(`${b} stores only ${id} ${type}`, 'trouble', (w) => network.store(at(w, b), id));
    may(`${b} loses ${id} ${type}`, 'trouble', (w) => network.lose(at(w, b), id));
  }
  for (const [id, state] of Object.entries(inbox)) {
    if (state === 'open' && run?.state.seenIds.includes(id) !== true)
      own(`${b} sweep hands on ${id}`, (w) => network.handOn(at(w, b), id, receiver(w)));
  }
  for (const [index, { op, key }] of delayed.entries())
    own(`${b} arrives late ${op} ${key}`, (w) => network.arrive(at(w, b), index));
  if (late !== null) own(`${b} late create ${late.pc}`, (w) => goOnLate(at(w, b)));
}

/** The attempt that nobody waits for any more: its bind is answered `closed`, and it takes back what it made. */
function goOnLate(buyer: Buyer): void {
  const late = buyer.late as NonNullable<Buyer['late']>;
  if (late.pc === 'post') {
    const reply = request(buyer, { op: 'create', intent: -1, key: late.key });
    if (reply.startsWith('made')) Object.assign(late, { pc: 'bind', intent: Number(reply.slice(5)) });
    else buyer.late = null;
  } else if (late.pc === 'bind') {
    if (stock.bind(buyer, late.intent) === 'bound') buyer.late = null;
    else late.pc = 'drop';
  } else {
    dropOrphan(buyer, late.intent);
    buyer.late = null;
  }
}

function database({ own, may }: List, world: World, b: number, rules: Rules): void {
  const buyer = at(world, b);
  const { row } = buyer;
  if (row.hold === 'held' && stock.isOpen(row) && !row.isLapsed && world.nowMs >= row.expiresMs)
    may(`${b} lease lapses`, 'lapse', (w) => void (at(w, b).row.isLapsed = true));
  if (stock.isDead(buyer)) own(`${b} database takes back`, (w) => stock.cleanUp(w, at(w, b)));
  if (needsReconciling(buyer)) own(`${b} reconciliation`, (w) => startSettlement(rules, w, at(w, b)));
  for (const index of orphansOf(buyer))
    own(`${b} orphan ${index} canceled`, (w) => dropOrphan(at(w, b), index));
}

/** As the schedule does: only what nobody else is about to find out. */
export function needsReconciling({ row, settle, wire, run, intents }: Buyer): boolean {
  if (row.status === 'none' || settle !== null || wire.length > 0) return false;
  const intent = row.bound === null ? null : (intents[row.bound] ?? null);
  const payment = intent && { status: intent.status, isPaidInFull: intent.captured };
  const verdict = compare(row.status, payment);
  return verdict === 'settle' || (verdict === 'needs_run' && run === null);
}

export function orphansOf({ row, intents, late }: Buyer): number[] {
  const isStillCreating = row.bound === null && stock.isOpen(row);
  if (isStillCreating || late !== null) return [];
  return [...intents.keys()].filter(
    (index) => index !== row.bound && intents[index]?.status === 'requires_payment_method',
  );
}

function time({ own, may }: List, world: World): void {
  const ends = world.buyers.flatMap(({ row, run }) =>
    stock.isOpen(row) ? [row.expiresMs, run?.state.deadlineMs ?? 0] : [],
  );
  const deadlineMs = Math.max(0, ...ends);
  if (world.nowMs < deadlineMs) own('the deadline passes', (w) => void (w.nowMs = deadlineMs));
  else if (ends.length > 0 && world.nowMs < HOLD_MAX_MS)
    may('the longest hold is over', 'holdMax', (w) => void (w.nowMs = deadlineMs + HOLD_MAX_MS));
  if (world.free > 0)
    may('a rival buys the unit', 'rival', (w) => {
      w.free -= 1;
      w.soldElsewhere += 1;
    });
}
