// The watch over retries without end: past an age, a person is told. The retrying goes on.
import { Context, log } from '@temporalio/activity';

import { openIncident } from '../db/incidents';
import type { ActivityDeps } from './deps';

const INCIDENT_AGE_MS = 10 * 60_000;

/**
 * Runs `step`; when it fails ten minutes or more after the activity was first scheduled, opens the incident
 * `step_keeps_failing` (once a checkout; null: once for all that concerns none) and fails all the same, so that Temporal tries again.
 */
export async function watched<T>(
  deps: ActivityDeps,
  { checkoutId, step }: { checkoutId: string | null; step: string },
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { info } = Context.current();
    if (Date.now() - info.scheduledTimestampMs >= INCIDENT_AGE_MS) {
      await openIncident(deps.pool, {
        checkoutId,
        kind: 'step_keeps_failing',
        detail: { step, attempt: info.attempt, error: error instanceof Error ? error.message : 'unknown' },
      }).catch(() => log.error('incident not stored', { checkout_id: checkoutId, step }));
    }
    throw error;
  }
}

type Step = (input: never) => Promise<unknown>;

/** The same steps, each watched under its own name, with the checkout that its input names, if it names one. */
export function watchedAll<Steps extends Record<string, Step>>(deps: ActivityDeps, steps: Steps): Steps {
  const entries = Object.entries<Step>(steps).map(([step, run]) => {
    const watchedStep = (input: { checkoutId?: string } | undefined) =>
      watched(deps, { checkoutId: input?.checkoutId ?? null, step }, () => run(input as never));
    return [step, watchedStep];
  });
  return Object.fromEntries(entries) as Steps;
}
