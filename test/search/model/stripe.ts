// Stripe: what a PaymentIntent does, what it tells, and what it remembers under an idempotency key.
import type { PaymentEvent } from '../../../contracts/payment-events';
import type { Buyer, World } from '../world';

export interface Intent {
  status: Status;
  captured: boolean;
  refunds: ('ours' | 'person')[];
  failures: number;
}
export type Status =
  | 'requires_payment_method'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled';

export interface Request {
  op: 'create' | 'cancel' | 'capture' | 'refund';
  intent: number;
  key: string;
}

export const AMOUNT = 2_500;
const CANCELLABLE = new Set(['requires_payment_method', 'requires_action', 'requires_capture']);

/** `made <n>`, `ok`, `refused`, or `server_error`; stored, and given again to whoever comes with the key. */
export function request(buyer: Buyer, { op, intent, key }: Request, spoilt?: 'executed' | 'none'): string {
  const known = buyer.keys[key];
  if (known !== undefined) return known;
  const reply = spoilt === 'none' ? '' : execute(buyer, op, intent);
  buyer.keys = { ...buyer.keys, [key]: spoilt === undefined ? reply : 'server_error' };
  return buyer.keys[key] as string;
}

function execute(buyer: Buyer, op: Request['op'], index: number): string {
  if (op === 'create') {
    buyer.intents.push({ status: 'requires_payment_method', captured: false, refunds: [], failures: 0 });
    return `made ${buyer.intents.length - 1}`;
  }
  const intent = intentOf(buyer, index);
  const isPossible = {
    cancel: CANCELLABLE.has(intent.status),
    capture: intent.status === 'requires_capture',
    refund: intent.captured && intent.refunds.length === 0,
  }[op];
  if (!isPossible) return 'refused';
  if (op === 'refund') intent.refunds.push('ours');
  else become(buyer, index, op === 'cancel' ? 'canceled' : 'succeeded');
  return 'ok';
}

export function become(buyer: Buyer, index: number, status: Status): void {
  const intent = intentOf(buyer, index);
  intent.status = status;
  if (status === 'succeeded') intent.captured = true;
  const letter = { succeeded: 's', canceled: 'c', requires_capture: 'a', processing: 'p' }[status as string];
  if (letter !== undefined) tell(buyer, `${index}${letter}`);
}

/** The bank says no, or the buyer fails to authenticate: another method may be tried. */
export function fail(buyer: Buyer, index: number, isHard: boolean): void {
  const intent = intentOf(buyer, index);
  intent.status = 'requires_payment_method';
  intent.failures += 1;
  tell(buyer, `${index}${isHard ? 'h' : 'f'}${intent.failures}`);
}

function tell(buyer: Buyer, eventId: string): void {
  if (!buyer.wire.includes(eventId)) buyer.wire = [...buyer.wire, eventId].toSorted();
}

/** The bank agrees: the money is in, or authorised. */
export function pay(world: World, buyer: Buyer, index: number): void {
  become(buyer, index, world.captureMethod === 'manual' ? 'requires_capture' : 'succeeded');
}

export function intentOf(buyer: Buyer, index: number | null): Intent {
  const intent = buyer.intents[index ?? -1];
  if (intent === undefined) throw new Error(`there is no PaymentIntent ${index}`);
  return intent;
}

const TYPES: Record<string, PaymentEvent['type']> = {
  s: 'payment_intent.succeeded',
  c: 'payment_intent.canceled',
  a: 'payment_intent.amount_capturable_updated',
  p: 'payment_intent.processing',
};

/** The event as the inbox hands it on: its id says which PaymentIntent, what, and the how-manieth. */
export function eventOf(eventId: string): PaymentEvent {
  const [index = '', letter = ''] = eventId;
  const declineCode = letter === 'h' ? 'stolen_card' : null;
  const attempt = { id: eventId, code: 'card_declined', declineCode, adviceCode: null };
  return {
    eventId,
    type: TYPES[letter] ?? 'payment_intent.payment_failed',
    paymentIntentId: `pi_${index}`,
    currency: 'usd',
    amountReceivedMinor: letter === 's' ? AMOUNT : 0,
    amountCapturableMinor: letter === 'a' ? AMOUNT : 0,
    attempt: 'fh'.includes(letter) ? attempt : null,
  };
}
