// The API alone on a real database, with Temporal and Stripe out of reach: what must be refused, stored or served without
// them. A request that tried to start a checkout here could not hide it.
import { Registry } from 'prom-client';

import { createApp } from '../../api/app';
import type { ApiDeps, ApiSettings } from '../../api/deps';
import { startServer } from '../../api/server';
import { createStreams } from '../../api/streams';
import type { Streams, StreamsOptions } from '../../api/streams';
import { createPool } from '../../db/pool';
import { createLogger } from '../../platform/logging';
import { createStripe } from '../../platform/stripe';
import { connectTemporalClient } from '../../platform/temporal';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

export const ADMIN_TOKEN = 'admin-token-of-this-test';
export const TOKEN_SECRET = 'token-secret-of-this-test';
export const WEBHOOK_SECRETS = ['whsec_of_this_test_new', 'whsec_of_this_test_old'];

/** The discard port: nothing listens there. */
const NOWHERE = '127.0.0.1:9';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export class BareApi {
  readonly url: string;
  readonly database: TestDatabase;
  /** Every line the API logged, as text. */
  readonly logLines: string[];
  readonly streams: Streams;
  private readonly metrics: Registry;
  private readonly stops: (() => Promise<unknown>)[];

  private constructor(
    url: string,
    parts: { database: TestDatabase; logLines: string[]; streams: Streams; metrics: Registry },
    stops: (() => Promise<unknown>)[],
  ) {
    this.url = url;
    this.database = parts.database;
    this.logLines = parts.logLines;
    this.streams = parts.streams;
    this.metrics = parts.metrics;
    this.stops = stops;
  }

  /** @param overrides.deps replaces single dependencies, e.g. a Temporal client that does reach a server. */
  static async open(
    overrides: {
      settings?: Partial<ApiSettings>;
      deps?: Partial<ApiDeps>;
      streams?: Partial<StreamsOptions>;
      isDatabaseDown?: boolean;
    } = {},
  ): Promise<BareApi> {
    const database = await createTestDatabase();
    const temporal = await connectTemporalClient(
      { address: NOWHERE, namespace: 'default' },
      { isLazy: true },
    );
    const deadPool = createPool({
      connectionString: `postgres://nobody:hunter2@${NOWHERE}/holdfast`,
      applicationName: 'holdfast-test',
    });
    const logLines: string[] = [];
    const logger = createLogger(
      { name: 'api', level: 'debug' },
      { write: (line) => void logLines.push(line) },
    );
    const metrics = new Registry();
    const pool = overrides.deps?.pool ?? (overrides.isDatabaseDown === true ? deadPool : database.pool);
    const streams = createStreams({ pool, logger, metrics, ...overrides.streams });
    const api = await startServer(
      createApp({
        pool,
        temporalClient: temporal.client,
        stripe: createStripe({ secretKey: 'sk_test_simulator', apiBase: `http://${NOWHERE}` }),
        holdfastEnv: database.holdfastEnv,
        logger,
        metrics,
        streams,
        ...overrides.deps,
        settings: settingsWith(overrides.settings),
      }),
      { port: 0, host: '127.0.0.1' },
    );
    const stops = [
      () => streams.close(),
      () => api.close(1_000),
      () => temporal.close(),
      () => deadPool.end(),
      () => database.drop(),
    ];
    return new BareApi(`http://127.0.0.1:${api.port}`, { database, logLines, streams, metrics }, stops);
  }

  async close(): Promise<void> {
    for (const stop of this.stops) await stop();
  }

  /** The value of a metric without labels of its own. */
  async metric(name: string): Promise<number> {
    const [sample] = (await this.metrics.getSingleMetric(name)?.get())?.values ?? [];
    return sample?.value ?? 0;
  }

  async send(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.send(path, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  }

  post(path: string, token?: string): Promise<Answer> {
    return this.send(path, {
      method: 'POST',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  }

  /** How many rows everything a request could write has. */
  async rowCounts(): Promise<Record<string, number>> {
    const { rows } = await this.database.pool.query<Record<string, number>>(`
      select (select count(*)::int from checkouts) as checkouts,
        (select count(*)::int from inventory_reservations) as reservations,
        (select count(*)::int from webhook_events) as webhook_events,
        (select count(*)::int from orders) as orders,
        (select count(*)::int from incidents) as incidents`);
    return rows[0] ?? {};
  }
}

export const NOTHING_WRITTEN = { checkouts: 0, reservations: 0, webhook_events: 0, orders: 0, incidents: 0 };

export function settingsWith(settings: Partial<ApiSettings> = {}): ApiSettings {
  return {
    mode: 'simulator',
    publishableKey: 'pk_test_simulator',
    stripeApiBase: `http://${NOWHERE}`,
    webhookSecrets: WEBHOOK_SECRETS,
    checkoutTokenSecret: TOKEN_SECRET,
    adminToken: ADMIN_TOKEN,
    windowSeconds: 300,
    inFlightMax: 200,
    openDeadlineMs: 1_000,
    operationWaitMs: 500,
    ...settings,
  };
}
