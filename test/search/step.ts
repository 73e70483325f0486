// One step of an activity in a search: the moves that it may make, what Stripe may do to a request, and where it goes on.
import type { CheckoutCommand, SettlementCommand } from '../../workflows/decision/commands';
import { finish, type Answer } from './actors';
import { request, type Request } from './model/stripe';
import type { Rules } from './rules';
import type { Actor, Buyer, Move, Who, World } from './world';

export type Command = CheckoutCommand | SettlementCommand;
type AnyActor = Actor<unknown, Command>;

/** Where an effect stands while it lists what may happen next. */
export interface At {
  world: World;
  rules: Rules;
  b: number;
  who: Who;
  moves: Move[];
  name: string;
}

export const buyerIn = (world: World, b: number): Buyer => world.buyers[b] as Buyer;
export const actorIn = (world: World, b: number, who: Who): AnyActor => buyerIn(world, b)[who] as AnyActor;

/** A request to Stripe: it answers; or 500, stored, done or not; or its reply is lost; or it arrives long after its sender died. */
export function post(
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

export function keyOf({ rules, world, b, who }: At, step: string, n: number): string {
  return rules.isNewKeyPerTry ? `${step} ${n} ${actorIn(world, b, who).tries}` : `${step} ${n}`;
}

export function move(at: At, suffix: string, apply: Move['apply']): void {
  at.moves.push({ name: suffix === '' ? at.name : `${at.name}: ${suffix}`, apply });
}

export function trouble(at: At, suffix: string, apply: Move['apply']): void {
  if (at.world.left.trouble === 0) return;
  move(at, suffix, (w) => {
    w.left.trouble -= 1;
    apply(w);
  });
}

export function answer(at: At, world: World, value: Answer): void {
  finish(at.rules, world, buyerIn(world, at.b), at.who, value);
}

/** The activity's next step; back to its first one where it runs again. */
export function goOn(at: At, world: World, pc: string, seen = ''): void {
  const actor = actorIn(world, at.b, at.who);
  Object.assign(actor, { pc, seen });
  if (pc === '' && at.rules.isNewKeyPerTry) actor.tries += 1;
}

export function idOf(intent: number | null): string | null {
  return intent === null ? null : `pi_${intent}`;
}
