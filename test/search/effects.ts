// The activities, step by step, over the models: what each command may answer, and every way in which it may go wrong between its
// steps. An activity that dies runs again with the same arguments; whatever it did before stays done.
import type { CheckoutAnswer } from '../../workflows/decision/checkout-state';
import type { SettlementAnswer } from '../../workflows/decision/settlement-state';
import { isOpenCheckoutStatus } from '../../contracts/statuses';
import { hear, startSettlement, type Answer } from './actors';
import { capture, create, endPayment, look, refund } from './effects-at-stripe';
import * as stock from './model/stock';
import { AMOUNT, intentOf } from './model/stripe';
import type { Rules } from './rules';
import { actorIn, answer, buyerIn, idOf, move, trouble, type At, type Command } from './step';
import type { Buyer, Move, Who, World } from './world';

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
      return { type: 'closed', closed: ended(buyer) };
    case 'release':
      stock.release(world, buyer, command);
      return { type: 'closed', closed: ended(buyer) };
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

function ended({ row, inbox }: Buyer): Extract<CheckoutAnswer, { type: 'closed' }>['closed'] {
  const unheardEventIds = Object.keys(inbox).filter((id) => inbox[id] === 'open');
  return { ...stock.closedOf(row), unheardEventIds };
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
