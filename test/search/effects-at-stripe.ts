// The activities that ask Stripe, cut where they may die or be overtaken: `pc` names the cut an activity stands at.
import type { Answer } from './actors';
import * as stock from './model/stock';
import { intentOf, request } from './model/stripe';
import {
  actorIn,
  answer,
  buyerIn,
  goOn,
  idOf,
  keyOf,
  move,
  post,
  trouble,
  type At,
  type Command,
} from './step';
import type { Buyer, World } from './world';

export function create(at: At, n: number, pc: string): void {
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

export function endPayment(
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

export function capture(at: At, n: number, pc: string): void {
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

export function refund(at: At, pc: string): void {
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

export function look(at: At): void {
  move(at, '', (w) => {
    const buyer = buyerIn(w, at.b);
    const { status } = intentOf(buyer, buyer.row.bound);
    const isPaidInFull = status === 'succeeded';
    const payment = { status, isPaidInFull, isAuthorisedInFull: status === 'requires_capture' };
    answer(at, w, { type: 'looked', payment });
  });
}
