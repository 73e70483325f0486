// A simulator in memory, the real SDK pointed at it, and a receiver for its webhooks.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { startSimulator } from '../../local/stripe-simulator';
import type { Log } from '../../local/stripe-simulator/log';

/** Replies of the control plane, as far as the tests look at them. */
export interface ControlReply {
  status: string;
  code: string;
  offset_seconds: number;
  flushed: number;
  payment_intents: LedgerLine[];
  refunds: { id: string; amount: number; status: string }[];
  deliveries: {
    event_id: string;
    type: string;
    status: number | null;
    copy: number;
    payment_intent: string;
  }[];
  undelivered: { event_id: string; type: string; state: string; attempts: number }[];
  webhook_endpoints: { id: string; url: string; secret: string }[];
  faults: { applied: number; operation: string }[];
  event_rules: { applied: number; type: string }[];
  secret: string;
  error?: { message: string; code?: string; param?: string };
}

export interface LedgerLine {
  id: string;
  status: string;
  amount: number;
  captured: number;
  refunded: number;
  captures: { amount: number }[];
  transitions: { at: string; to: string }[];
}

/** The SDK as the product builds it: no retries of its own. */
export function sdk(port: number, key = 'sk_test_simulator'): Stripe {
  return new Stripe(key, {
    host: '127.0.0.1',
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: 5_000,
  });
}

export async function startTestSimulator(log?: Log) {
  const simulator = await startSimulator({ port: 0, dataDir: null, ...(log && { log }) });
  const { url } = simulator;
  const stripe = sdk(simulator.port);
  return {
    ...simulator,
    stripe,
    control: (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) =>
      control(url, method, path, body),
    async ledgerOf(id: string): Promise<LedgerLine> {
      const [line] = (await control(url, 'GET', `ledger?payment_intent=${id}`)).payment_intents;
      if (!line) throw new Error(`${id} is not in the ledger`);
      return line;
    },
    /** Types of the events about one PaymentIntent, oldest first. */
    async eventsOf(id: string): Promise<string[]> {
      const { data } = await stripe.events.list({ limit: 100 });
      return data
        .filter(({ data: { object } }) => 'id' in object && (object.id === id || intentOf(object) === id))
        .map(({ type }): string => type)
        .toReversed();
    },
    pay(token = 'pm_card_visa', params: Partial<Stripe.PaymentIntentCreateParams> = {}) {
      return stripe.paymentIntents.create({
        ...ORDER,
        ...params,
        confirm: true,
        payment_method: token,
      });
    },
  };
}

export type TestSimulator = Awaited<ReturnType<typeof startTestSimulator>>;

export const ORDER = { amount: 2_500, currency: 'usd', allowed_payment_method_types: ['card'] };

export async function control(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<ControlReply> {
  const response = await fetch(`${url}/_simulator/${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return (await response.json()) as ControlReply;
}

/** The id of a payment's charge. */
export function chargeOf(intent: Stripe.PaymentIntent): string {
  if (typeof intent.latest_charge !== 'string') throw new Error(`${intent.id} has no charge id`);
  return intent.latest_charge;
}

/** What a rejected SDK call rejected with. */
export async function rejection(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('the call was expected to fail');
}

export interface Received {
  readonly body: string;
  readonly signature: string;
  readonly event: Stripe.Event;
}

/** Answers with `statuses` in turn, then 200. */
export async function startReceiver(statuses: number[] = []) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const signature = String(request.headers['stripe-signature']);
      received.push({ body, signature, event: JSON.parse(body) as Stripe.Event });
      response.writeHead(statuses.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhook`,
    received,
    /** How often each event type arrived, in order of arrival. */
    types: () => received.map(({ event }): string => event.type),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function intentOf(object: object): unknown {
  return 'payment_intent' in object ? object.payment_intent : undefined;
}
