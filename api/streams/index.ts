// Live streams: a buyer's checkout and a drop's availability, pushed as they change. Two bounded readers a process, however
// many listen; nothing in the stock's transactions knows of them.
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';

import type { CheckoutStatus } from '../../contracts/statuses';
import { isOpenCheckoutStatus } from '../../contracts/statuses';
import { readDrops } from '../../db/drops';
import { readChangedCheckouts } from '../../db/live';
import { checkoutJson } from '../checkout-json';
import { dropJson } from '../drop-json';
import { Problem } from '../problems';
import { stateOf } from './frames';
import { Listener } from './listener';
import { createStreamMetrics } from './metrics';
import { full, Reader } from './reader';
import type { Reading } from './reader';

const LISTENERS_MAX = 10_000;
/** Tabs of one buyer. */
const LISTENERS_PER_CHECKOUT_MAX = 8;
const CHECKOUT_TICK_MS = 500;
const DROP_TICK_MS = 1_000;

export interface StreamsOptions {
  pool: Pool;
  logger: Logger;
  metrics: Registry;
  /** In this process, over both kinds. */
  listenersMax?: number;
}

export interface Streams {
  /** Answers with the stream; resolves once it has begun. @throws Problem `not_found`, `busy`, `service_unavailable`. */
  checkout(checkoutId: string, request: Request, response: Response): Promise<void>;
  drop(dropId: string, request: Request, response: Response): Promise<void>;
  /** Ends every stream; its clients connect again elsewhere. To be called before the server stops. */
  close(): Promise<void>;
}

export function createStreams({ pool, logger, metrics: registry, listenersMax }: StreamsOptions): Streams {
  const metrics = createStreamMetrics(registry);
  const checkouts = new Reader({
    kind: 'checkout',
    tickMs: CHECKOUT_TICK_MS,
    listenersMax: LISTENERS_PER_CHECKOUT_MAX,
    read: (watched) => readCheckouts(pool, watched),
    logger,
    metrics,
  });
  const drops = new Reader({
    kind: 'drop',
    tickMs: DROP_TICK_MS,
    listenersMax: Infinity,
    read: (watched) => readDropStates(pool, watched),
    logger,
    metrics,
  });
  const max = listenersMax ?? LISTENERS_MAX;
  let listening = 0;

  async function serve(reader: Reader, topicId: string, request: Request, response: Response): Promise<void> {
    const listener = new Listener(response, () => metrics.dropped());
    if (listening >= max) throw full(metrics);
    metrics.listening((listening += 1));
    response.once('close', () => {
      metrics.listening((listening -= 1));
      reader.leave(topicId, listener);
    });
    if (!(await reader.join(topicId, listener))) throw new Problem('not_found');
    if (request.method === 'HEAD') response.end();
  }

  return {
    checkout: (checkoutId, request, response) => serve(checkouts, checkoutId, request, response),
    drop: (dropId, request, response) => serve(drops, dropId, request, response),
    close: async () => {
      await Promise.all([checkouts.close(), drops.close()]);
    },
  };
}

type Watched = Parameters<ConstructorParameters<typeof Reader>[0]['read']>[0];

async function readCheckouts(pool: Pool, watched: Watched): Promise<Reading[]> {
  const changed = await readChangedCheckouts(
    pool,
    watched.map(({ topicId, version }) => ({ checkoutId: topicId, version })),
  );
  return changed.map(({ version, view }) => {
    const data = checkoutJson(view);
    const state = stateOf('checkout', data, { ...data, seconds_left: 0 }, isFinal(view.status));
    return { topicId: view.checkoutId, version, state };
  });
}

/** A refund that is on its way is still news; anything else that has closed stays as it is, but for late money. */
function isFinal(status: CheckoutStatus): boolean {
  return !isOpenCheckoutStatus(status) && status !== 'refund_pending';
}

/** Few rows, whoever listens: whether one has changed is seen here. */
async function readDropStates(pool: Pool, watched: Watched): Promise<Reading[]> {
  const drops = await readDrops(
    pool,
    watched.map(({ topicId }) => topicId),
  );
  return drops.map((drop) => {
    const data = dropJson(drop);
    const state = stateOf('drop', data, data, false);
    return { topicId: drop.id, version: state.id, state };
  });
}
