// A whole shop for one test file: real PostgreSQL, the simulator over HTTP, the API over HTTP, the worker's own workers,
// and a Temporal server, by default the one that skips time.

import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type Worker } from '@temporalio/worker';
import type { Pool } from 'pg';
import type Stripe from 'stripe';

import type { Reservations, Settlement } from '../../activities/deps';
import { checkoutWorkflowId } from '../../contracts/ids';
import { MAIN_TASK_QUEUE } from '../../contracts/messages';
import { createCheckoutBatches } from '../../db/checkout-batches';
import { startSimulator } from '../../local/stripe-simulator';
import { createStripe } from '../../platform/stripe';
import { createCheckoutRuns } from '../../worker/runs';
import { createWorkers } from '../../worker/workers';
import { createTestDatabase, type TestDatabase } from './database';
import { findBrokenInvariants } from './invariants';
import { postJson, readLedger, type LedgerPayment } from './ledger';
import { payInBrowser, Shop, type CheckoutBody, type CreateBody } from './shop';
import { openEnvironment, requireEnv } from './temporal-environment';
import { until } from './until';
import { openApi, POLICY, PUBLISHABLE_KEY, type WorldOptions } from './world-api';

export { ADMIN_TOKEN, POLICY, PUBLISHABLE_KEY, type WorldOptions } from './world-api';

const SECRET_KEY = 'sk_test_simulator';
const RUN_MS = 90_000;

export class World {
  readonly env: TestWorkflowEnvironment;
  readonly database: TestDatabase;
  readonly simulatorUrl: string;
  readonly stripe: Stripe;
  readonly shop: Shop;
  readonly apiUrl: string;
  private readonly options: WorldOptions;
  private readonly closeSimulator: () => Promise<void>;
  private readonly stops: (() => Promise<unknown>)[];
  /** Live, as the activities read it. */
  settlement: () => Settlement = () => 'on';
  reservations: () => Reservations = () => 'on';
  private workers: Worker[] = [];
  private runs: Promise<void>[] = [];

  private constructor(parts: {
    env: TestWorkflowEnvironment;
    database: TestDatabase;
    simulatorUrl: string;
    stripe: Stripe;
    apiUrl: string;
    options: WorldOptions;
    closeSimulator: () => Promise<void>;
    stops: (() => Promise<unknown>)[];
  }) {
    this.env = parts.env;
    this.database = parts.database;
    this.simulatorUrl = parts.simulatorUrl;
    this.apiUrl = parts.apiUrl;
    this.options = parts.options;
    this.closeSimulator = parts.closeSimulator;
    this.stops = parts.stops;
    this.stripe = parts.stripe;
    this.shop = new Shop(parts.apiUrl);
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const env = await openEnvironment(options.server ?? 'time-skipping');
    const database = await createTestDatabase();
    const simulator = await startSimulator({ port: 0, dataDir: null });
    const stripe = createStripe({ secretKey: SECRET_KEY, apiBase: simulator.url });
    const api = await openApi(env.client, database, simulator.url, stripe, options);
    const stops = [() => api.close(1_000), () => env.teardown(), () => database.drop()];
    const apiUrl = `http://127.0.0.1:${api.port}`;
    const closeSimulator = () => simulator.close();
    const world = new World({
      env,
      database,
      simulatorUrl: simulator.url,
      stripe,
      apiUrl,
      options,
      closeSimulator,
      stops,
    });
    await world.startWorkers();
    return world;
  }

  get pool(): Pool {
    return this.database.pool;
  }

  /** The workers of the product, with its own activities. */
  async startWorkers(): Promise<void> {
    const {
      policy,
      holdMaxSeconds = 86_400,
      createsPerSecond = 1_000,
      paymentMethodTypes = ['card'],
    } = this.options;
    this.workers = await createWorkers({
      connection: this.env.nativeConnection,
      namespace: this.env.namespace ?? 'default',
      workflowBundlePath: requireEnv('HOLDFAST_TEST_WORKFLOW_BUNDLE'),
      deps: {
        pool: this.pool,
        batches: createCheckoutBatches(this.pool),
        stripe: this.stripe,
        holdfastEnv: this.database.holdfastEnv,
        policy: { ...POLICY, ...policy },
        holdMaxSeconds,
        reservations: () => this.reservations(),
        settlement: () => this.settlement(),
        paymentMethodTypes,
        createsPerSecond,
        runs: createCheckoutRuns(this.env.client),
      },
    });
    this.runs = this.workers.map((worker) => worker.run());
  }

  async stopWorkers(): Promise<void> {
    for (const worker of this.workers) worker.shutdown();
    await Promise.all(this.runs);
    this.workers = [];
  }

  /** As `stopWorkers`, with calls under way that will not end: they are cut off, as a lost process cuts them off. */
  async cutWorkersOff(): Promise<void> {
    for (const worker of this.workers) worker.shutdown();
    await Promise.allSettled(this.runs);
    this.workers = [];
    this.runs = [];
  }

  /** Stripe goes first: a call that hangs there would hold its worker beyond the SDK's time to stop. */
  async close(): Promise<void> {
    await this.closeSimulator();
    await this.stopWorkers();
    for (const stop of this.stops) await stop();
  }

  pay(checkout: CreateBody, paymentMethod = 'pm_card_visa') {
    return payInBrowser(this.simulatorUrl, PUBLISHABLE_KEY, checkout, paymentMethod);
  }

  /** Waits for the run's end. With the time-skipping server, waiting is what lets virtual time pass. */
  async finish(checkout: Pick<CreateBody, 'checkout_id'>): Promise<void> {
    await this.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id)).result();
  }

  /**
   * Runs a workflow that is about the real world to its end, in real time: waiting for a result lets the time-skipping server
   * skip, and where activities take long it may skip past the run's own end.
   */
  async runInRealTime<T>(workflowType: string, workflowId: string, args: unknown[]): Promise<T> {
    const { workflow } = this.env.client;
    const handle = await workflow.start(workflowType, { workflowId, taskQueue: MAIN_TASK_QUEUE, args });
    await until(
      `${workflowType} to end`,
      async () => (await handle.describe()).status.name !== 'RUNNING',
      RUN_MS,
    );
    return (await handle.result()) as T;
  }

  reach(checkout: CreateBody, status: string): Promise<CheckoutBody> {
    return until(`checkout to be ${status}`, async () => {
      const body = await this.shop.read(checkout);
      return body.status === status ? body : null;
    });
  }

  async payment(checkout: Pick<CreateBody, 'payment_intent_id'>): Promise<LedgerPayment> {
    const { payment_intents: payments } = await readLedger(this.simulatorUrl);
    const payment = payments.find(({ id }) => id === checkout.payment_intent_id);
    if (payment === undefined) throw new Error('The ledger does not know this payment.');
    return payment;
  }

  /** Has the simulator misbehave; the shape is that of its `POST /_simulator/faults`. */
  fault(fault: Record<string, unknown>): Promise<unknown> {
    return postJson(`${this.simulatorUrl}/_simulator/faults`, fault);
  }

  /** What only the outside world can do: the buyer's bank, the simulator's clock. */
  control(path: string, body: Record<string, unknown> = {}): Promise<unknown> {
    return postJson(`${this.simulatorUrl}/_simulator/${path}`, body);
  }

  webhooks(policy: Record<string, unknown>): Promise<unknown> {
    return postJson(`${this.simulatorUrl}/_simulator/webhooks`, policy);
  }

  /** Counts this world's calls to Stripe and its SQL statements, those of API and worker together, until stopped. */
  countCalls(): { stop(): { stripeCalls: number; statements: number } } {
    let stripeCalls = 0;
    let statements = 0;
    const onRequest = () => void (stripeCalls += 1);
    this.stripe.on('request', onRequest);
    const { pool } = this;
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    const counting = (...args: unknown[]) => {
      statements += 1;
      return query(...args);
    };
    Object.assign(pool, { query: counting });
    return {
      stop: () => {
        this.stripe.off('request', onRequest);
        Object.assign(pool, { query });
        return { stripeCalls, statements };
      },
    };
  }

  /**
   * The next statement that calls this SQL function is executed, and its answer is lost with the connection.
   * @returns tells whether that has happened.
   */
  loseReplyOf(sqlFunction: string): () => boolean {
    let isLost = false;
    const { pool } = this;
    const query = pool.query.bind(pool) as (text: unknown, values?: unknown) => Promise<unknown>;
    const losing = async (text: unknown, values?: unknown) => {
      const answer = await query(text, values);
      if (!JSON.stringify(text).includes(`${sqlFunction}(`)) return answer;
      Object.assign(pool, { query });
      isLost = true;
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    };
    Object.assign(pool, { query: losing });
    return () => isLost;
  }

  async incidents(checkout: Pick<CreateBody, 'checkout_id'>): Promise<string[]> {
    const { rows } = await this.pool.query<{ kind: string }>(
      'select kind from incidents where checkout_id = $1 order by kind',
      [checkout.checkout_id],
    );
    return rows.map((row) => row.kind);
  }

  brokenInvariants(): Promise<string[]> {
    return findBrokenInvariants({
      pool: this.pool,
      simulatorUrl: this.simulatorUrl,
      holdfastEnv: this.database.holdfastEnv,
    });
  }
}
