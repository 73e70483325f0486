// The scheduled comparison with Stripe: every checkout that may still change, then PaymentIntents that belong to none.
import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';

import type { MainActivities, StripeActivities } from '../activities';
import type { OrphanPage } from '../activities/reconcile';
import { STRIPE_TASK_QUEUE } from '../contracts/messages';

/** A page of fifty at five a second takes ten seconds; Stripe being slow or away may stretch it. */
const { reconcileCheckouts, cancelOrphans } = proxyActivities<StripeActivities>({
  taskQueue: STRIPE_TASK_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '2 minutes' },
  summary: 'compare with Stripe',
});
const { recordReconciliation } = proxyActivities<MainActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export interface ReconcileInput {
  /** PaymentIntents younger than this may still be bound by their checkout. */
  orphanAgeSeconds: number;
  /** Where a long run goes on in a new history. */
  progress?: Progress;
}

interface Progress {
  afterId: string | null;
  isCheckoutsDone: boolean;
  checked: number;
  healed: number;
  orphansCanceled: number;
  incidents: number;
}

/** A create is bound within its 20 s, or given up. */
const ORPHAN_AGE_SECONDS = 120;

/** Registered as workflow type `reconcile`; answers what it found and did. */
export async function reconcile(
  input: ReconcileInput = { orphanAgeSeconds: ORPHAN_AGE_SECONDS },
): Promise<Omit<Progress, 'afterId' | 'isCheckoutsDone'>> {
  const progress: Progress = input.progress ?? {
    afterId: null,
    isCheckoutsDone: false,
    checked: 0,
    healed: 0,
    orphansCanceled: 0,
    incidents: 0,
  };
  while (!progress.isCheckoutsDone) {
    const page = await reconcileCheckouts({ afterId: progress.afterId });
    progress.checked += page.checked;
    progress.healed += page.healed;
    progress.incidents += page.incidents;
    progress.afterId = page.nextAfterId;
    progress.isCheckoutsDone = page.nextAfterId === null;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof reconcile>({ ...input, progress });
  }
  progress.orphansCanceled += await orphans(input.orphanAgeSeconds);
  const { checked, healed, orphansCanceled, incidents } = progress;
  const report = { checked, healed, orphansCanceled, incidents };
  await recordReconciliation(report);
  return report;
}

const ORPHAN_PAGES_MAX = 500;

async function orphans(ageSeconds: number): Promise<number> {
  let canceled = 0;
  let startingAfter: string | null = null;
  for (let page = 0; page < ORPHAN_PAGES_MAX; page += 1) {
    const found: OrphanPage = await cancelOrphans({ startingAfter, ageSeconds });
    canceled += found.canceled;
    startingAfter = found.nextStartingAfter;
    if (startingAfter === null) break;
  }
  return canceled;
}
