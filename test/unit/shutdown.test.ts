// Shutdown: reverse order, every step, the first error kept, a time limit.
import { EventEmitter, once } from 'node:events';

import { createLogger } from '../../platform/logging';
import { createShutdown } from '../../platform/shutdown';

const logger = createLogger({ name: 'test', level: 'silent' });

describe('stop', () => {
  test('runs the steps in the reverse order of their start, one after the other', async () => {
    const shutdown = createShutdown({ logger, timeoutMs: 1_000 });
    const done: string[] = [];
    shutdown.onStop('database', () => done.push('database'));
    shutdown.onStop('server', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push('server');
    });
    await shutdown.stop('test');
    expect(done).toEqual(['server', 'database']);
  });

  test('runs the remaining steps after one fails, and keeps the first error', async () => {
    const shutdown = createShutdown({ logger, timeoutMs: 1_000 });
    const done: string[] = [];
    shutdown.onStop('first started', () => done.push('first started'));
    shutdown.onStop('second error', () => Promise.reject(new Error('second')));
    shutdown.onStop('first error', () => {
      throw new Error('first');
    });
    await expect(shutdown.stop('test')).rejects.toThrow('first');
    expect(done).toEqual(['first started']);
  });

  test('runs each step once, however often it is asked', async () => {
    const shutdown = createShutdown({ logger, timeoutMs: 1_000 });
    let count = 0;
    shutdown.onStop('step', () => (count += 1));
    await Promise.all([shutdown.stop('one'), shutdown.stop('two')]);
    await shutdown.stop('three');
    expect(count).toBe(1);
  });
});

describe('listen', () => {
  const exits = new EventEmitter();
  const exit = (code: number) => void exits.emit('exit', code);
  const signals = ['SIGTERM', 'SIGINT', 'disconnect'] as const;

  afterEach(() => {
    for (const signal of signals) process.removeAllListeners(signal);
  });

  test.each(signals)('stops and leaves with 0 on %s', async (signal) => {
    const shutdown = createShutdown({ logger, timeoutMs: 1_000, exit });
    let isStopped = false;
    shutdown.onStop('step', () => (isStopped = true));
    shutdown.listen();
    const left = once(exits, 'exit');
    process.emit(signal as 'SIGTERM');
    expect(await left).toEqual([0]);
    expect(isStopped).toBe(true);
  });

  test('leaves with 1 when the steps take longer than the limit', async () => {
    const shutdown = createShutdown({ logger, timeoutMs: 10, exit });
    shutdown.onStop('hangs', () => new Promise(() => undefined));
    shutdown.listen();
    const left = once(exits, 'exit');
    process.emit('SIGTERM');
    expect(await left).toEqual([1]);
  });
});
