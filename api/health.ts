// Whether the process lives, and whether a checkout can be started now. Neither names a host or repeats an error.
import type { Client } from '@temporalio/client';
import type { RequestHandler } from 'express';
import type { Pool } from 'pg';

import type { ApiDeps } from './deps';
import type { ReadyAnswer } from './schemas';

const PROBE_TIMEOUT_MS = 1_500;

export const healthzHandler: RequestHandler = (_request, response) => {
  response.json({ status: 'ok' });
};

export function readyzHandler(deps: ApiDeps): RequestHandler {
  return async (_request, response) => {
    const [isDatabaseUp, isTemporalUp] = await Promise.all([
      isUp(probeDatabase(deps.pool)),
      isUp(probeTemporal(deps.temporalClient)),
    ]);
    const isReady = isDatabaseUp && isTemporalUp;
    const answer: ReadyAnswer = {
      status: isReady ? 'ready' : 'unavailable',
      postgresql: isDatabaseUp ? 'ok' : 'unavailable',
      temporal: isTemporalUp ? 'ok' : 'unavailable',
    };
    response
      .status(isReady ? 200 : 503)
      .setHeader('Cache-Control', 'no-store')
      .json(answer);
  };
}

async function probeDatabase(pool: Pool): Promise<void> {
  await pool.query('select 1');
}

/** The namespace's frontend answers: what a start needs first. */
async function probeTemporal(client: Client): Promise<void> {
  await client.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
    client.workflowService.describeNamespace({ namespace: client.options.namespace }),
  );
}

async function isUp(probe: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PROBE_TIMEOUT_MS);
  });
  const answered = probe.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([answered, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
