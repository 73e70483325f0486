// The activities, step by step, over the models: what each command may answer, and every way in which it may go wrong between its
// steps. An activity that dies runs again with the same arguments; whatever it did before stays done.
import type { CheckoutCommand, SettlementCommand } from '../../workflows/decision/commands';
import type { CheckoutAnswer } from '../../workflows/decision/checkout-state';
import type { SettlementAnswer } from '../../workflows/decision/settlement-state';
import { isOpenCheckoutStatus } from '../../contracts/statuses';
import * as stock from './model/stock';
import { AMOUNT, intentOf, request, type Request } from './model/stripe';
import { finish, hear, startSettlement, type Answer } from './actors';
import type { Rules } from './rules';
import type { Actor, Buyer, Move, Who, World } from './world';

type Command = CheckoutCommand | SettlementCommand;
export type AnyActor = Actor<unknown, Command>;

/** Where an effect stands while it lists what may happen next. */
interface At {
  world: World;
  rules: Rules;
  b: number;
  who: Who;
  moves: Move[];
  name: string;
}

const buyerIn = (world: World, b: number): Buyer => world.buyers[b] as Buyer;
const actorIn = (world: World, b: number, who: Who): AnyActor => buyerIn(world, b)[who] as AnyActor;

export function effectMoves(world: World, b: number, who: Who, rules: Rules): Move[] {
  const { todo, pc } = actorIn(world, b, who);
  const [command] = todo;
  if (command === undefined) throw new Error('an actor with nothing to do');
  const name = `${b} ${who} ${command.do}${pc === '' ? '' : ` ${pc}`}`;
  const at: At = { world, rules, b, who, moves: [], name };
  effect(at, command, pc);
  return at.moves;
}

function effect(at: At, command: Command, pc: string): void {
  switch (command.do) {
    case 'create':
      return create(at, command.n, pc);
    case 'end_payment':
      return endPayment(at, command, pc);
    case 'capture':
      return capture(at, command.n, pc);
    case 'refund':
      return refund(at, pc);
    case 'look':
      look(at);
      return trouble(at, 'Stripe away', (w) => answer(at, w, { type: 'looked', payment: null }));
    case 'ask_checkout':
      return move(at, '', (w) =>
        answer(at, w, {
          type: 'asked',
          isTaken: hear(at.rules, w, buyerIn(w, at.b), { type: 'look_asked' }),
        }),
      );
    case 'pause':
    case 'rest':
      return move(at, '', (w) => answer(at, w, { type: 'woken' }));
    case 'wait':
    case 'finish':
    case 'show':
    case 'show_unwinding':
    case 'answer_opened':
    case 'answer_closed':
    case 'answer_extension':
    case 'open_incident':
    case 'turn_page':
      return;
    case 'close_events':
    case 'close_unbound':
    case 'confirm':
    case 'extend':
    case 'open':
    case 'read_case':
    case 'record_decline':
    case 'record_money':
    case 'record_processing':
    case 'release':
    case 'renew_lease':
    case 'secure_units':
    case 'start_settlement':
      return inDatabase(at, (world, buyer) => transaction(at, world, buyer, command));
  }
}

type Transaction = Exclude<Command, { do: 'create' | 'end_payment' | 'capture' | 'refund' | 'look' | 'turn_page' | 'ask_checkout' | 'pause' | 'rest' | 'wait' | 'finish' | 'show' | 'show_unwinding' | 'answer_opened' | 'answer_closed' | 'answer_extension' | 'open_incident' }>; // prettier-ignore

/** One transaction, and its answer; or the answer is lost, and it runs again. */
function inDatabase(at: At, run: (world: World, buyer: Buyer) => Answer): void {
  move(at, '', (w) => answer(at, w, run(w, buyerIn(w, at.b))));
  trouble(at, 'answer lost', (w) => void run(w, buyerIn(w, at.b)));
}

function transaction({ rules }: At, world: World, buyer: Buyer, command: Transaction): Answer {
  const { row } = buyer;
  switch (command.do) {
    case 'open':
      stock.open(world, buyer);
      return { type: 'opened', opened: opened(world, buyer) };
    case 'renew_lease':
      stock.renew(world, buyer);
      return { type: 'done' };
    case 'secure_units':
      return { type: 'secured', isSecured: stock.secure(world, buyer) };
    case 'confirm':
      stock.confirm(world, buyer, command.eventIds, rules.isConfirmBlind);
      return { type: 'closed', closed: stock.closedOf(row) };
    case 'release':
      stock.release(world, buyer, command);
      return { type: 'closed', closed: stock.closedOf(row) };
    case 'close_unbound':
      stock.closeUnbound(world, buyer, command.failureCode);
      return stock.isOpen(row)
        ? { type: 'unbound_closed', closed: { outcome: 'bound', paymentIntentId: idOf(row.bound) ?? '' } }
        : { type: 'unbound_closed', closed: { outcome: 'closed', closed: stock.closedOf(row) } };
    case 'close_events':
      stock.judge(buyer, command.eventIds);
      return { type: 'done' };
    case 'record_decline':
      return { type: 'counted', attempts: stock.recordDecline(buyer, command.eventId) };
    case 'record_processing':
      stock.recordProcessing(buyer, command.eventId);
      return { type: 'done' };
    case 'extend':
      return stock.extend(world, buyer, command.request.seconds)
        ? { type: 'extended', answer: { outcome: 'extended' } }
        : { type: 'extended', answer: { outcome: 'refused', refusal: 'deadline_passed' } };
    case 'start_settlement':
      startSettlement(rules, world, buyer);
      return { type: 'done' };
    case 'read_case':
      return { type: 'read', found: found(world, buyer) };
    case 'record_money': {
      const { refunds } = intentOf(buyer, row.bound);
      if (refunds.includes('ours')) stock.recordRefund(buyer, 'succeeded');
      else if (refunds.includes('person') && row.status === 'refund_pending') row.status = 'refunded';
      return { type: 'done' };
    }
  }
}

function create(at: At, n: number, pc: string): void {
  const key = keyOf(at, 'create', n);
  const done = (w: World, created: Extract<Answer, { type: 'created' }>['created']) =>
    answer(at, w, { type: 'created', created });
  const { row } = buyerIn(at.world, at.b);
  if (pc === '' && row.status === 'opening' && at.world.nowMs >= row.expiresMs) {
    return move(at, '', (w) => done(w, { outcome: 'too_late' }));
  }
  if (pc === '') {
    const read = (w: World, reply: string) =>
      reply.startsWith('made') ? goOn(at, w, 'bind', reply.slice(5)) : goOn(at, w, 'list');
    post(at, { op: 'create', intent: -1, key }, read);
    trouble(at, 'gave up', (w) => {
      buyerIn(w, at.b).late = { pc: 'post', key, intent: -1 };
      done(w, { outcome: 'gave_up' });
    });
  }
  if (pc === 'list') {
    move(at, '', (w) => {
      const index = buyerIn(w, at.b).intents.findIndex(({ status }) => status !== 'canceled');
      if (index >= 0) goOn(at, w, 'bind', String(index));
      else done(w, { outcome: 'again' });
    });
  }
  if (pc === 'bind') {
    const bind = (w: World) => stock.bind(buyerIn(w, at.b), Number(actorIn(w, at.b, at.who).seen));
    move(at, '', (w) => {
      const outcome = bind(w);
      if (outcome === 'bound') done(w, { outcome, paymentIntentId: idOf(buyerIn(w, at.b).row.bound) ?? '' });
      else goOn(at, w, 'drop', actorIn(w, at.b, at.who).seen);
    });
    trouble(at, 'answer lost', (w) => {
      bind(w);
      goOn(at, w, '');
    });
    trouble(at, 'gave up', (w) => {
      buyerIn(w, at.b).late = { pc: 'bind', key, intent: Number(actorIn(w, at.b, at.who).seen) };
      done(w, { outcome: 'gave_up' });
    });
  }
  if (pc === 'drop') {
    move(at, '', (w) => {
      const buyer = buyerIn(w, at.b);
      dropOrphan(buyer, Number(actorIn(w, at.b, at.who).seen));
      const { bound } = buyer.row;
      done(
        w,
        bound === null ? { outcome: 'closed' } : { outcome: 'bound', paymentIntentId: idOf(bound) ?? '' },
      );
    });
  }
}

export function dropOrphan(buyer: Buyer, intent: number): void {
  request(buyer, { op: 'cancel', intent, key: `orphan ${intent}` });
}

function endPayment(
  at: At,
  { n, isReleased, isVoid }: Extract<Command, { do: 'end_payment' }>,
  pc: string,
): void {
  const done = (
    w: World,
    outcome: 'canceled' | 'succeeded' | 'authorised' | 'again' | 'kept' | 'hold_max_reached' | 'not_taken',
  ) => answer(at, w, { type: 'ended', ended: { outcome, paymentIntentId: '', paymentStatus: '' } as never });
  const unproven = (w: World, outcome: 'again' | 'kept') => {
    const buyer = buyerIn(w, at.b);
    stock.renew(w, buyer);
    done(w, stock.isHoldMaxReached(w, buyer.row) && !isReleased ? 'hold_max_reached' : outcome);
  };
  const failed = (w: World) => {
    const buyer = buyerIn(w, at.b);
    stock.renew(w, buyer);
    if (stock.isHoldMaxReached(w, buyer.row) && !isReleased) done(w, 'hold_max_reached');
    else goOn(at, w, '');
  };
  const judge = (w: World, status: string) => {
    if (status === 'canceled' || status === 'succeeded') return done(w, status);
    if (status === 'processing') stock.recordProcessing(buyerIn(w, at.b));
    return status === 'requires_capture' ? done(w, 'authorised') : unproven(w, 'kept');
  };
  const isCancellable = (status: string) =>
    status === 'processing'
      ? isVoid
      : status === 'requires_capture'
        ? isVoid || isReleased
        : status.startsWith('requires');
  if (pc === '') {
    move(at, '', (w) => {
      const buyer = buyerIn(w, at.b);
      stock.renew(w, buyer);
      const { status } = intentOf(buyer, buyer.row.bound);
      if (!isCancellable(status)) return judge(w, status);
      const { hold, failureCode } = buyer.row;
      const isWorthAnOrder = status === 'requires_capture' && hold === 'held' && failureCode === null;
      const isLetGo = buyer.isGivenUp || stock.isHoldMaxReached(w, buyer.row);
      if (isWorthAnOrder && !isLetGo) buyer.isThrownAway = true;
      goOn(at, w, 'post', status);
    });
    trouble(at, 'not taken', (w) => done(w, 'not_taken'));
    trouble(at, 'Stripe away', failed);
  }
  if (pc === 'post') {
    const read = (w: World, reply: string) => {
      if (reply === 'ok' || (reply !== 'ok' && at.rules.isEveryCancelErrorCanceled))
        return done(w, 'canceled');
      if (reply === 'server_error') return unproven(w, 'again');
      goOn(at, w, 'look');
    };
    post(
      at,
      { op: 'cancel', intent: buyerIn(at.world, at.b).row.bound ?? -1, key: keyOf(at, 'cancel', n) },
      read,
      failed,
    );
  }
  if (pc === 'look') {
    move(at, '', (w) => {
      const buyer = buyerIn(w, at.b);
      const { status } = intentOf(buyer, buyer.row.bound);
      if (isCancellable(status)) unproven(w, 'again');
      else judge(w, status);
    });
    trouble(at, 'crash', (w) => goOn(at, w, ''));
  }
}

function capture(at: At, n: number, pc: string): void {
  const done = (
    w: World,
    outcome: 'captured' | 'failed' | 'again' | 'kept' | 'hold_max_reached' | 'not_taken',
  ) => answer(at, w, { type: 'captured', captured: { outcome, code: '', paymentStatus: '' } as never });
  const unproven = (w: World, outcome: 'again' | 'kept') => {
    const buyer = buyerIn(w, at.b);
    stock.renew(w, buyer);
    done(w, stock.isHoldMaxReached(w, buyer.row) ? 'hold_max_reached' : outcome);
  };
  const judge = (w: World, status: string) => {
    if (status === 'succeeded') return done(w, 'captured');
    return status === 'processing' ? unproven(w, 'kept') : done(w, 'failed');
  };
  const failed = (w: World) => {
    const buyer = buyerIn(w, at.b);
    stock.renew(w, buyer);
    if (stock.isHoldMaxReached(w, buyer.row)) done(w, 'hold_max_reached');
    else goOn(at, w, '');
  };
  if (pc === '') {
    const read = (w: World, reply: string) =>
      reply === 'ok' ? done(w, 'captured') : goOn(at, w, 'look', 'refused');
    const intent = buyerIn(at.world, at.b).row.bound ?? -1;
    const lost = (w: World) => goOn(at, w, 'look', 'lost');
    post(at, { op: 'capture', intent, key: keyOf(at, 'capture', n) }, read, lost);
    trouble(at, 'not taken', (w) => done(w, 'not_taken'));
    trouble(at, 'bank refuses', (w) => {
      buyerIn(w, at.b).isGivenUp = true;
      done(w, 'failed');
    });
  }
  if (pc === 'look') {
    move(at, '', (w) => {
      const buyer = buyerIn(w, at.b);
      const { status } = intentOf(buyer, buyer.row.bound);
      if (status !== 'requires_capture') judge(w, status);
      else if (actorIn(w, at.b, at.who).seen === 'lost') failed(w);
      else unproven(w, 'again');
    });
    trouble(at, 'crash', (w) => goOn(at, w, ''));
  }
}

function refund(at: At, pc: string): void {
  const done = (w: World, isAgain: boolean) => answer(at, w, { type: 'refunded', isAgain });
  const { row } = buyerIn(at.world, at.b);
  if (pc === '') {
    move(at, '', (w) => {
      const buyer = buyerIn(w, at.b);
      const decided = buyer.row.refund;
      if (decided === null || decided.state !== 'pending' || decided.isSent) return done(w, false);
      goOn(at, w, intentOf(buyer, buyer.row.bound).refunds.includes('ours') ? 'record' : 'post', 'ok');
    });
  }
  if (pc === 'post') {
    const read = (w: World, reply: string) => {
      const decided = buyerIn(w, at.b).row.refund;
      if (reply !== 'server_error' || decided === null) return goOn(at, w, 'record', reply);
      decided.n += 1;
      done(w, true);
    };
    const key = at.rules.isRefundWithoutKey
      ? `fresh ${at.world.left.trouble}`
      : keyOf(at, 'refund', row.refund?.n ?? 0);
    post(at, { op: 'refund', intent: row.bound ?? -1, key }, read);
  }
  if (pc === 'record') {
    const record = (w: World) =>
      stock.recordRefund(buyerIn(w, at.b), actorIn(w, at.b, at.who).seen === 'ok' ? 'succeeded' : 'failed');
    move(at, '', (w) => {
      record(w);
      done(w, false);
    });
    trouble(at, 'crash', (w) => goOn(at, w, ''));
  }
}

function look(at: At): void {
  move(at, '', (w) => {
    const buyer = buyerIn(w, at.b);
    const { status } = intentOf(buyer, buyer.row.bound);
    const isPaidInFull = status === 'succeeded';
    const payment = { status, isPaidInFull, isAuthorisedInFull: status === 'requires_capture' };
    answer(at, w, { type: 'looked', payment });
  });
}

/** A request to Stripe: it answers; or 500, stored, done or not; or its reply is lost; or it arrives long after its sender died. */
function post(
  at: At,
  sent: Request,
  read: (world: World, reply: string) => void,
  lost?: (world: World) => void,
): void {
  const { b } = at;
  const again = lost ?? ((w: World) => goOn(at, w, ''));
  move(at, '', (w) => read(w, request(buyerIn(w, b), sent)));
  trouble(at, 'reply lost', (w) => {
    request(buyerIn(w, b), sent);
    again(w);
  });
  trouble(at, 'delayed', (w) => {
    buyerIn(w, b).delayed.push(sent);
    again(w);
  });
  if (buyerIn(at.world, b).keys[sent.key] !== undefined) return;
  trouble(at, '500, done', (w) => read(w, request(buyerIn(w, b), sent, 'executed')));
  trouble(at, '500, not done', (w) => read(w, request(buyerIn(w, b), sent, 'none')));
}

function keyOf({ rules, world, b, who }: At, step: string, n: number): string {
  return rules.isNewKeyPerTry ? `${step} ${n} ${actorIn(world, b, who).tries}` : `${step} ${n}`;
}

function move(at: At, suffix: string, apply: Move['apply']): void {
  at.moves.push({ name: suffix === '' ? at.name : `${at.name}: ${suffix}`, apply });
}

function trouble(at: At, suffix: string, apply: Move['apply']): void {
  if (at.world.left.trouble === 0) return;
  move(at, suffix, (w) => {
    w.left.trouble -= 1;
    apply(w);
  });
}

function answer(at: At, world: World, value: Answer): void {
  finish(at.rules, world, buyerIn(world, at.b), at.who, value);
}

/** The activity's next step; back to its first one where it runs again. */
function goOn(at: At, world: World, pc: string, seen = ''): void {
  const actor = actorIn(world, at.b, at.who);
  Object.assign(actor, { pc, seen });
  if (pc === '' && at.rules.isNewKeyPerTry) actor.tries += 1;
}

function idOf(intent: number | null): string | null {
  return intent === null ? null : `pi_${intent}`;
}

function opened(world: World, { row }: Buyer): Extract<CheckoutAnswer, { type: 'opened' }>['opened'] {
  if (!stock.isOpen(row)) return { outcome: 'closed', closed: stock.closedOf(row) };
  return {
    outcome: 'opened',
    checkout: {
      amountMinor: AMOUNT,
      currency: 'usd',
      reservationIds: ['r'],
      openedAtUnixSeconds: 0,
      paymentIntentId: idOf(row.bound),
      policy: {
        windowSeconds: 300,
        paymentAttemptsMax: stock.ATTEMPTS_MAX,
        reclaimGraceSeconds: 600,
        endPaymentPauseMaxSeconds: 5,
        captureMethod: world.captureMethod,
      },
    },
  };
}

function found(world: World, { row, inbox }: Buyer): Extract<SettlementAnswer, { type: 'read' }>['found'] {
  if (row.status === 'none') return null;
  return {
    requestFingerprint: '',
    status: row.status,
    isOpen: isOpenCheckoutStatus(row.status),
    isDeadlinePassed: world.nowMs >= row.expiresMs,
    paymentIntentId: idOf(row.bound),
    amountMinor: AMOUNT,
    currency: 'usd',
    reclaimGraceSeconds: 600,
    endPaymentPauseMaxSeconds: 5,
    unjudgedEventIds: Object.keys(inbox).filter((id) => inbox[id] === 'open'),
    hasMoneyNews: false,
  };
}
