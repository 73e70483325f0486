// What the demo plays on: a running stack, and a drop of its own so that every run starts with whole stock.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { Pool } from 'pg';

import { readLedger, type LedgerPayment } from '../../test/support/ledger';
import { payInBrowser, Shop, type CheckoutBody, type CreateBody } from '../../test/support/shop';
import { until } from '../../test/support/until';

const UNIT_PRICE_MINOR = 4_200;
const ENDED = new Set(['confirmed', 'expired', 'canceled', 'payment_failed', 'refused', 'refunded']);

interface StackFile {
  api: string;
  temporal_address: string;
  stripe_simulator: string | null;
  database_url: string;
  publishable_key: string;
  admin_token: string;
}

export class Stage {
  readonly shop: Shop;
  readonly pool: Pool;
  readonly simulatorUrl: string;
  readonly windowSeconds: number;
  private readonly stack: StackFile;
  private readonly connection: Connection;
  private readonly dropId = randomUUID();

  private constructor(stack: StackFile, simulatorUrl: string, connection: Connection, windowSeconds: number) {
    this.stack = stack;
    this.simulatorUrl = simulatorUrl;
    this.connection = connection;
    this.windowSeconds = windowSeconds;
    this.shop = new Shop(stack.api);
    this.pool = new Pool({ connectionString: stack.database_url, max: 4 });
  }

  /** @throws Error with one line that says what is missing. */
  static async open(dataDir: string): Promise<Stage> {
    const path = join(dataDir, 'stack.json');
    if (!existsSync(path))
      throw new Error('No stack runs here. Start it with "npm start" in another terminal.');
    const stack = JSON.parse(readFileSync(path, 'utf8')) as StackFile;
    if (stack.stripe_simulator === null)
      throw new Error('The demo pays at the Stripe simulator; this stack has none.');
    const connection = await Connection.connect({ address: stack.temporal_address });
    const config = (await (await fetch(`${stack.api}/config`)).json()) as { payment_window_seconds: number };
    const stage = new Stage(stack, stack.stripe_simulator, connection, config.payment_window_seconds);
    await stage.pool.query(
      `insert into drops (id, name, currency, opens_at, closes_at)
       values ($1, $2, 'usd', now() - interval '1 minute', now() + interval '1 day')`,
      [stage.dropId, `Demo run of ${new Date().toISOString()}`],
    );
    return stage;
  }

  async close(): Promise<void> {
    await this.pool.query('update drops set closes_at = now() where id = $1', [this.dropId]);
    await this.pool.end();
    await this.connection.close();
  }

  async holdfastEnv(): Promise<string> {
    const { rows } = await this.pool.query<{ holdfast_env: string }>('select holdfast_env from installation');
    return rows[0]?.holdfast_env ?? '';
  }

  async addProduct(name: string, units: number): Promise<string> {
    const id = randomUUID();
    await this.pool.query(
      'insert into drop_products (id, drop_id, name, unit_price_minor, total_inventory) values ($1, $2, $3, $4, $5)',
      [id, this.dropId, name, UNIT_PRICE_MINOR, units],
    );
    return id;
  }

  async available(productId: string): Promise<number> {
    const { rows } = await this.pool.query<{ available_inventory: number }>(
      'select available_inventory from drop_products where id = $1',
      [productId],
    );
    return rows[0]?.available_inventory ?? -1;
  }

  order(productId: string): Promise<CreateBody> {
    return this.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  }

  async pay(checkout: CreateBody, paymentMethod = 'pm_card_visa'): Promise<string> {
    const answer = await payInBrowser(this.simulatorUrl, this.stack.publishable_key, checkout, paymentMethod);
    return answer.body.status ?? answer.body.error?.code ?? String(answer.status);
  }

  /** Ends as the buyer sees it; waits for at most a payment window and two minutes. */
  ended(checkout: CreateBody): Promise<CheckoutBody> {
    return until(
      `checkout ${checkout.checkout_id} to end`,
      async () => {
        const body = await this.shop.read(checkout);
        return ENDED.has(body.status) ? body : null;
      },
      (this.windowSeconds + 120) * 1000,
    );
  }

  async payment(checkout: CreateBody): Promise<LedgerPayment | undefined> {
    const { payment_intents: payments } = await readLedger(this.simulatorUrl);
    return payments.find(({ id }) => id === checkout.payment_intent_id);
  }

  /** Lets the database take the units back, as it would after a grace in which nobody renewed the lease. */
  async loseLease(checkout: CreateBody): Promise<void> {
    await this.pool.query(
      `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
      [checkout.checkout_id],
    );
    const response = await fetch(`${this.stack.api}/api/maintenance/cleanup-reservations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.stack.admin_token}` },
    });
    if (!response.ok) throw new Error(`The maintenance route answered ${response.status}.`);
  }

  /** What the runbook forbids, done on purpose: the run is gone, with everything it knew. */
  async terminate(checkout: CreateBody): Promise<void> {
    const client = new Client({ connection: this.connection });
    await client.workflow
      .getHandle(`checkout-${checkout.checkout_id}`)
      .terminate('the demo removes this run');
  }
}
