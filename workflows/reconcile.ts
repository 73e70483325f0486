// The scheduled comparison with Stripe: events it could not deliver, then every checkout that may still change, then
// PaymentIntents that belong to none.
import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';

import type { MainActivities, StripeActivities } from '../activities';
import type { Window } from '../activities/reconcile-listed';
import { STRIPE_TASK_QUEUE } from '../contracts/messages';

/**
 * A page of two hundred at five a second takes forty seconds; Stripe being slow may stretch it, and what is not done in time
 * goes on from its last heartbeat. Tried without end; after ten minutes a person is told.
 */
const { reconcileCheckouts, takeUndelivered, cancelOrphans } = proxyActivities<StripeActivities>({
  taskQueue: STRIPE_TASK_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '2 minutes' },
  summary: 'compare with Stripe',
});
const { openIncident, recordReconciliation } = proxyActivities<MainActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export interface ReconcileInput {
  /** What Stripe lists and is younger is still on its way: an event to its webhook, a PaymentIntent to its checkout. */
  listedAgeSeconds: number;
  /** Where a long run goes on in a new history. */
  progress?: Progress;
}

export interface ReconcileReport {
  checked: number;
  healed: number;
  eventsTaken: number;
  orphansCanceled: number;
  incidents: number;
}

interface Progress {
  stage: 'events' | 'checkouts' | 'orphans' | 'done';
  /** Where the stage's next page begins. */
  cursor: string | null;
  window: Window | null;
  pages: number;
  report: ReconcileReport;
}

/** A create is bound within its 20 s, or given up; a first delivery takes seconds. */
const LISTED_AGE_SECONDS = 120;
/** Half a million of Stripe's objects, a million checkouts: more is not a shop but a fault. */
const PAGES_MAX = 5_000;

/** Registered as workflow type `reconcile`; answers what it found and did. */
export async function reconcile(
  input: ReconcileInput = { listedAgeSeconds: LISTED_AGE_SECONDS },
): Promise<ReconcileReport> {
  let progress: Progress = input.progress ?? BEGIN;
  while (progress.stage !== 'done') {
    progress = await takePage(input, progress);
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof reconcile>({ ...input, progress });
  }
  await recordReconciliation({ runId: workflowInfo().runId, ...progress.report });
  return progress.report;
}

const BEGIN: Progress = {
  stage: 'events',
  cursor: null,
  window: null,
  pages: 0,
  report: { checked: 0, healed: 0, eventsTaken: 0, orphansCanceled: 0, incidents: 0 },
};

async function takePage(input: ReconcileInput, progress: Progress): Promise<Progress> {
  const { cursor, window, report } = progress;
  const { listedAgeSeconds: ageSeconds } = input;
  switch (progress.stage) {
    case 'events': {
      const page = await takeUndelivered({ startingAfter: cursor, window, ageSeconds });
      const found = { ...report, eventsTaken: report.eventsTaken + page.found };
      return next(progress, page.nextStartingAfter, page.window, found, 'checkouts');
    }
    case 'checkouts': {
      const page = await reconcileCheckouts({ afterId: cursor });
      const found = {
        ...report,
        checked: report.checked + page.checked,
        healed: report.healed + page.healed,
        incidents: report.incidents + page.incidents,
      };
      return next(progress, page.nextAfterId, null, found, 'orphans');
    }
    case 'orphans':
    case 'done': {
      const page = await cancelOrphans({ startingAfter: cursor, window, ageSeconds });
      const found = { ...report, orphansCanceled: report.orphansCanceled + page.found };
      return next(progress, page.nextStartingAfter, page.window, found, 'done');
    }
  }
}

/** The stage's next page, else the next stage. A stage without end is cut short, and a person is told. */
async function next(
  { stage, pages }: Progress,
  cursor: string | null,
  window: Window | null,
  report: ReconcileReport,
  following: Progress['stage'],
): Promise<Progress> {
  if (cursor !== null && pages + 1 < PAGES_MAX) return { stage, cursor, window, pages: pages + 1, report };
  if (cursor !== null)
    await openIncident({ checkoutId: null, kind: 'reconciliation_cut_short', detail: { stage } });
  return { stage: following, cursor: null, window: null, pages: 0, report };
}
