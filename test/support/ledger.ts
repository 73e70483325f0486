// The simulator's ledger: what really happened to money, independent of our tables.

export interface LedgerPayment {
  id: string;
  amount: number;
  currency: string;
  status: string;
  metadata: Record<string, string>;
  captured: number;
  refunded: number;
  transitions: { at: number | string; to: string }[];
}

export interface LedgerRefund {
  id: string;
  payment_intent: string;
  amount: number;
  status: string;
  metadata?: Record<string, string>;
}

export interface Ledger {
  payment_intents: LedgerPayment[];
  refunds: LedgerRefund[];
}

export async function readLedger(simulatorUrl: string): Promise<Ledger> {
  return (await getJson(`${simulatorUrl}/_simulator/ledger`)) as Ledger;
}

export interface Delivery {
  event_id: string;
  status: number | null;
}

/** Every attempt to deliver a webhook, with its answer. */
export async function readDeliveries(simulatorUrl: string): Promise<Delivery[]> {
  const body = (await getJson(`${simulatorUrl}/_simulator/deliveries`)) as { deliveries: Delivery[] };
  return body.deliveries;
}

export async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
  return response.json();
}

export async function postJson(url: string, body: unknown = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
