// The metrics server of a process.
import { Counter } from 'prom-client';

import { createMetricsRegistry, startMetricsServer } from '../../platform/metrics';

test('serves the metrics and the health of a process, and nothing else', async () => {
  const registry = createMetricsRegistry('worker');
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc();
  let isHealthy = false;
  const server = await startMetricsServer({
    registry,
    port: 0,
    host: '127.0.0.1',
    isHealthy: () => isHealthy,
  });
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  try {
    expect(await (await get('/metrics')).text()).toContain('things_total{process="worker"} 1');
    expect((await get('/healthz')).status).toBe(503);
    isHealthy = true;
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/other')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
  } finally {
    await server.close();
  }
});

test('says so when the port is taken', async () => {
  const options = { registry: createMetricsRegistry('x'), host: '127.0.0.1', isHealthy: () => true };
  const first = await startMetricsServer({ ...options, port: 0 });
  try {
    await expect(startMetricsServer({ ...options, port: first.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  } finally {
    await first.close();
  }
});
