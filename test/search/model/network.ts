// Between Stripe, our API and the sagas: events may be lost, doubled, late, in any order; requests may outlive their sender.
import { eventOf, request } from './stripe';
import { put, type Buyer } from '../world';

/** What the sagas do when something reaches them; `hear` is false where no run takes signals any more. */
export interface Receiver {
  hear(buyer: Buyer, event: ReturnType<typeof eventOf>): boolean;
  settle(buyer: Buyer): void;
}

/** Stored, then handed to the run; to settlement where there is none. `isDoubled`: it will come once more. */
export function deliver(buyer: Buyer, eventId: string, to: Receiver, isDoubled: boolean): void {
  const { wire } = buyer;
  store(buyer, eventId);
  if (isDoubled) buyer.wire = wire;
  handOn(buyer, eventId, to);
}

/** The API dies after it has stored the event: the sweep hands it on later. */
export function store(buyer: Buyer, eventId: string): void {
  lose(buyer, eventId);
  if (buyer.inbox[eventId] === undefined) buyer.inbox = put(buyer.inbox, eventId, 'open');
}

export function lose(buyer: Buyer, eventId: string): void {
  buyer.wire = buyer.wire.filter((id) => id !== eventId);
}

/** The sweep: stored, and judged by nobody. */
export function handOn(buyer: Buyer, eventId: string, to: Receiver): void {
  if (!to.hear(buyer, eventOf(eventId))) to.settle(buyer);
}

/** A request whose sender is long gone reaches Stripe after all; nobody reads the answer. */
export function arrive(buyer: Buyer, index: number): void {
  const [late] = buyer.delayed.splice(index, 1);
  if (late !== undefined) request(buyer, late);
}
