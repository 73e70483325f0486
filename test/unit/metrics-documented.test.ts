// docs/operations.md lists every number that API and worker show, and no other.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import pino from 'pino';
import { Registry } from 'prom-client';

import { createStreams } from '../../api/streams';
import { createApp } from '../../api/app';
import { createPool } from '../../db/pool';
import { createStripe } from '../../platform/stripe';
import { observeStripe } from '../../platform/stripe-metrics';
import { connectTemporalClient } from '../../platform/temporal';
import { showSwitches } from '../../worker/switches';
import { createWorkerMetrics } from '../../worker/worker-metrics';
import { settingsWith } from '../api/bare-api';
import { PROJECT } from './planted-tree';

/** Rows of the table: name, process, labels. */
function documented(): { name: string; process: string; labels: string }[] {
  return readFileSync(path.join(PROJECT, 'docs/operations.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `holdfast_'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map(([, name = '', process = '', labels = '']) => ({ name, process, labels }));
}

interface Shown {
  name: string;
  labelNames?: string[];
}

function shownBy(registry: Registry, process: string) {
  return (registry.getMetricsAsArray() as unknown as Shown[]).map(({ name, labelNames = [] }) => ({
    name,
    process,
    labels: labelNames.filter((label) => label !== 'le').join(', '),
  }));
}

test('every number is in the table with its process and labels, and every row of the table is shown', async () => {
  const pool = createPool({ connectionString: 'postgres://127.0.0.1:9/none', applicationName: 'none' });
  const stripe = createStripe({ secretKey: 'sk_test_simulator' });
  const { client, close } = await connectTemporalClient(
    { address: '127.0.0.1:9', namespace: 'default' },
    { isLazy: true },
  );
  try {
    const api = new Registry();
    observeStripe(api, stripe);
    const streams = createStreams({ pool, logger: pino({ level: 'silent' }), metrics: api });
    createApp({
      streams,
      pool,
      temporalClient: client,
      stripe,
      holdfastEnv: 'none',
      logger: pino({ level: 'silent' }),
      metrics: api,
      settings: settingsWith(),
    });
    const worker = new Registry();
    observeStripe(worker, stripe);
    createWorkerMetrics(worker, pool);
    showSwitches(worker, pino({ level: 'silent' }), { reservations: 'on', settlement: 'on' });
    const byName = (a: { name: string; process: string }, b: { name: string; process: string }) =>
      `${a.name} ${a.process}`.localeCompare(`${b.name} ${b.process}`);
    const shown = [...shownBy(api, 'API'), ...shownBy(worker, 'worker')];
    const both = documented().flatMap((row) =>
      row.process === 'both' ? ['API', 'worker'].map((process) => ({ ...row, process })) : [row],
    );
    expect(both.toSorted(byName)).toEqual(shown.toSorted(byName));
  } finally {
    await close();
    await pool.end();
  }
});
