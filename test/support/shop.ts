// A storefront's side of the API, as tests and their buyers use it.
import { randomUUID } from 'node:crypto';

export interface Line {
  drop_product_id: string;
  quantity: number;
}

export interface CreateAnswer {
  status: number;
  body: CreateBody & ProblemBody;
  headers: Headers;
}

export interface CreateBody {
  checkout_id: string;
  checkout_token: string;
  status: string;
  payment_intent_id: string;
  client_secret: string | null;
  reservation_ids: string[];
  amount: number;
  currency: string;
  expires_at: string;
  seconds_left: number;
}

export interface ProblemBody {
  code: string;
  error: string;
  retry: string;
}

export interface CheckoutBody {
  checkout_id: string;
  status: string;
  failure_code: string | null;
  order_id: string | null;
  seconds_left: number;
  attempts: number;
  refund: { state: string; amount: number } | null;
}

export interface DropBody {
  id: string;
  products: { id: string; name: string; unit_price: number; total: number; available: number }[];
}

export class Shop {
  private readonly api: string;

  constructor(api: string) {
    this.api = api;
  }

  /** A new buyer's key. */
  static key(): string {
    return `test-${randomUUID()}`;
  }

  async create(items: Line[], key = Shop.key(), customerId?: string): Promise<CreateAnswer> {
    const response = await fetch(`${this.api}/api/payment/create-intent`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ items, ...(customerId === undefined ? {} : { customer_id: customerId }) }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as CreateAnswer['body'],
    };
  }

  /** Creates and expects a checkout that waits for its payment. */
  async open(items: Line[], key = Shop.key(), customerId?: string): Promise<CreateBody> {
    const answer = await this.create(items, key, customerId);
    if (answer.status !== 201) {
      throw new Error(`create-intent answered ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  async read(checkout: Pick<CreateBody, 'checkout_id' | 'checkout_token'>): Promise<CheckoutBody> {
    const response = await fetch(`${this.api}/api/checkouts/${checkout.checkout_id}`, {
      headers: { authorization: `Bearer ${checkout.checkout_token}` },
    });
    if (response.status !== 200) throw new Error(`reading a checkout answered ${response.status}`);
    return (await response.json()) as CheckoutBody;
  }

  async cancel(checkout: Pick<CreateBody, 'checkout_id' | 'checkout_token'>): Promise<number> {
    const response = await fetch(`${this.api}/api/checkouts/${checkout.checkout_id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${checkout.checkout_token}` },
    });
    await response.arrayBuffer();
    return response.status;
  }

  async drops(): Promise<DropBody[]> {
    const response = await fetch(`${this.api}/api/drops`);
    return ((await response.json()) as { drops: DropBody[] }).drops;
  }

  async available(productId: string): Promise<number> {
    const product = (await this.drops()).flatMap((drop) => drop.products).find(({ id }) => id === productId);
    if (product === undefined) throw new Error(`no product ${productId}`);
    return product.available;
  }
}

/** Pays as a buyer's browser does: publishable key and client secret, straight to Stripe's stand-in. */
export async function payInBrowser(
  stripeUrl: string,
  publishableKey: string,
  checkout: Pick<CreateBody, 'payment_intent_id' | 'client_secret'>,
  paymentMethod = 'pm_card_visa',
): Promise<{ status: number; body: { status?: string; error?: { code: string; decline_code?: string } } }> {
  const response = await fetch(`${stripeUrl}/v1/payment_intents/${checkout.payment_intent_id}/confirm`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${publishableKey}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({
      client_secret: checkout.client_secret ?? '',
      payment_method: paymentMethod,
    }).toString(),
  });
  return { status: response.status, body: (await response.json()) as never };
}
