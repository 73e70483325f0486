// `npm run bench:streams`: what listeners cost. One API process as it is run; one listener and thousands are measured in
// turns in the same run, so that the ratios say something wherever it runs.
//   npm run bench:streams -- --listeners 5000 --rounds 3 --out FILE
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Pool } from 'pg';

import { bindPaymentIntent, openCheckout, recordDecline } from '../../db/checkouts';
import { seedDemoDrop, DEMO_DROP_ID, DEMO_PRODUCTS } from '../../db/seed';
import { adjustTotalInventory } from '../../db/stock';
import { checkoutToken } from '../../platform/tokens';
import { startBenchServer } from '../inventory/cluster';
import { describeMachine } from '../inventory/machine';
import { startApi, TOKEN_SECRET } from './api';
import type { ApiUnderTest } from './api';
import { gather, requestFor } from './listeners';
import { renderStreams } from './report';
import type { Turn } from './report';

const OUT = resolve(__dirname, '../../.holdfast/bench-streams.json');
const CHANGES = 12;

interface Scene {
  kind: 'drop' | 'checkout';
  requests: string[];
  /** Changes something; answers which listeners must be told, and by what they know it. */
  change(n: number): Promise<{ listeners: number; isTold: (data: string) => boolean }>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      listeners: { type: 'string', default: '5000' },
      rounds: { type: 'string', default: '3' },
      out: { type: 'string', default: OUT },
    },
  });
  const crowd = Number(values.listeners);
  const server = await startBenchServer(tell);
  const database = await server.createDatabase();
  let api: ApiUnderTest | undefined;
  try {
    await seedDemoDrop(database.pool);
    api = await startApi(database.url);
    tell(`opening ${crowd} checkouts ...`);
    const checkoutIds = await openCheckouts(database.pool, crowd);
    const turns: Turn[] = [];
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      for (const listeners of [1, crowd]) {
        tell(`round ${round}, ${listeners} listeners ...`);
        turns.push(await measure(api, dropScene(database.pool, listeners)));
        turns.push(await measure(api, checkoutScene(database.pool, checkoutIds.slice(0, listeners))));
      }
    }
    const results = { machine: await describeMachine(server), listeners: crowd, turns };
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
    console.log(`\n${renderStreams(results)}\n\nThe same as JSON: ${values.out}`);
  } finally {
    await api?.stop();
    await database.drop();
    await server.stop();
  }
}

async function measure(api: ApiUnderTest, scene: Scene): Promise<Turn> {
  const { kind, requests } = scene;
  const readsBefore = await readsOf(api, kind);
  const joiningSince = performance.now();
  const crowd = await gather(api.port, requests);
  const joinMs = performance.now() - joiningSince;
  const joinReads = (await readsOf(api, kind)).count - readsBefore.count;
  const before = await readsOf(api, kind);
  const sinceMs = performance.now();
  const latencies: number[] = [];
  const spreads: number[] = [];
  for (let n = 0; n < CHANGES; n += 1) {
    // At any moment of a tick, not always the same.
    await pause(Math.random() * 1_000);
    crowd.take();
    const { listeners, isTold } = await scene.change(n);
    const changedAtMs = performance.now();
    const told = await waitFor(listeners, () => crowd.take().filter(({ data }) => isTold(data)));
    const arrivedAt = told.map(({ atMs }) => atMs).sort((a, b) => a - b);
    latencies.push(...arrivedAt.map((atMs) => atMs - changedAtMs));
    spreads.push((arrivedAt.at(-1) ?? 0) - (arrivedAt[0] ?? 0));
  }
  const seconds = (performance.now() - sinceMs) / 1_000;
  const after = await readsOf(api, kind);
  const memoryMb = (await api.metric('process_resident_memory_bytes')) / 2 ** 20;
  await crowd.leave();
  return {
    kind,
    listeners: requests.length,
    joinMs,
    joinReads,
    queriesPerSecond: (after.count - before.count) / seconds,
    queryMs: (1_000 * (after.seconds - before.seconds)) / (after.count - before.count),
    cpuShare: (after.cpuSeconds - before.cpuSeconds) / seconds,
    memoryMb,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    spreadMs: quantile(spreads, 0.5),
    spreadMaxMs: Math.max(...spreads),
  };
}

const TOLD_WITHIN_MS = 20_000;

/** Everybody's arrival of one change. @throws when not everybody is told in time. */
async function waitFor<T>(count: number, take: () => T[]): Promise<T[]> {
  const got: T[] = [];
  const giveUpAtMs = performance.now() + TOLD_WITHIN_MS;
  while (got.length < count) {
    if (performance.now() > giveUpAtMs) throw new Error(`only ${got.length} of ${count} listeners were told`);
    await pause(20);
    got.push(...take());
  }
  return got;
}

async function readsOf(api: ApiUnderTest, kind: string) {
  return {
    count: await api.metric('holdfast_stream_read_seconds_count', { kind }),
    seconds: await api.metric('holdfast_stream_read_seconds_sum', { kind }),
    cpuSeconds: await api.metric('process_cpu_seconds_total'),
  };
}

function dropScene(pool: Pool, listeners: number): Scene {
  return {
    kind: 'drop',
    requests: Array.from({ length: listeners }, () => requestFor(`/api/drops/${DEMO_DROP_ID}/events`)),
    change: async () => {
      const { total } = await adjustTotalInventory(pool, {
        requestKey: randomUUID(),
        dropProductId: DEMO_PRODUCTS.poster.id,
        units: 1,
        who: 'bench',
        why: 'bench',
      });
      return { listeners, isTold: (data) => data.includes(`"total":${total},`) };
    },
  };
}

function checkoutScene(pool: Pool, checkoutIds: readonly string[]): Scene {
  return {
    kind: 'checkout',
    requests: checkoutIds.map((id) =>
      requestFor(`/api/checkouts/${id}/events`, checkoutToken(TOKEN_SECRET, id)),
    ),
    change: async (n) => {
      const checkoutId = checkoutIds[(n * 397) % checkoutIds.length] ?? '';
      const attempt = randomUUID();
      const { attempts } = await recordDecline(pool, {
        checkoutId,
        eventId: `evt_${attempt}`,
        attempt: { id: attempt, code: 'card_declined', declineCode: null, adviceCode: null },
      });
      return {
        listeners: 1,
        isTold: (data) => data.includes(checkoutId) && data.includes(`"attempts":${attempts},`),
      };
    },
  };
}

async function openCheckouts(pool: Pool, count: number): Promise<string[]> {
  await adjustTotalInventory(pool, {
    requestKey: randomUUID(),
    dropProductId: DEMO_PRODUCTS.poster.id,
    units: count,
    who: 'bench',
    why: 'bench',
  });
  const ids = Array.from({ length: count }, () => randomUUID());
  for (let from = 0; from < count; from += 8) {
    await Promise.all(ids.slice(from, from + 8).map((id) => openOne(pool, id)));
  }
  return ids;
}

async function openOne(pool: Pool, checkoutId: string): Promise<void> {
  await openCheckout(pool, {
    checkoutId,
    requestFingerprint: 'bench',
    customerId: null,
    lines: [{ dropProductId: DEMO_PRODUCTS.poster.id, quantity: 1 }],
    windowSeconds: 7_200,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 1_000,
  });
  await bindPaymentIntent(pool, { checkoutId, paymentIntentId: `pi_${checkoutId}` });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function tell(line: string): void {
  process.stderr.write(`[bench] ${line}\n`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
