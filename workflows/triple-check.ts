// The scheduled triple check of what has closed: database row, workflow result and Stripe.
import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';

import type { MainActivities, StripeActivities } from '../activities';
import type { TriplePage } from '../activities/triple-check';
import { STRIPE_TASK_QUEUE, type TripleCheckInput, type TripleCheckReport } from '../contracts/messages';

/** Two hundred a page, five a second; tried without end, and after ten minutes a person is told. */
const { tripleCheck } = proxyActivities<StripeActivities>({
  taskQueue: STRIPE_TASK_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '2 minutes' },
  summary: 'compare row, result and Stripe',
});
const { openIncident, recordTripleCheck } = proxyActivities<MainActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** The schedule runs hourly: each checkout is met twice, once for what may be found late. */
const CLOSED_SECONDS = 2 * 3_600;
const PAGES_MAX = 5_000;

interface Progress {
  closedFrom: string | null;
  after: TriplePage['nextAfter'];
  pages: number;
  report: TripleCheckReport;
}

/** Registered as workflow type `triple_check`. */
export async function triple_check(
  input: TripleCheckInput & { progress?: Progress } = { closedSeconds: CLOSED_SECONDS },
): Promise<TripleCheckReport> {
  const { closedSeconds } = input;
  let progress: Progress = input.progress ?? {
    closedFrom: null,
    after: null,
    pages: 0,
    report: { checked: 0, healed: 0, findings: 0 },
  };
  for (let isDone = false; !isDone;) {
    const page: TriplePage = await tripleCheck({
      closedFrom: progress.closedFrom,
      closedSeconds,
      after: progress.after,
    });
    progress = add(progress, page);
    isDone = page.nextAfter === null || progress.pages >= PAGES_MAX;
    if (!isDone && workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof triple_check>({ closedSeconds, progress });
  }
  if (progress.after !== null)
    await openIncident({
      checkoutId: null,
      kind: 'reconciliation_cut_short',
      detail: { stage: 'triple_check' },
    });
  const { report, closedFrom } = progress;
  await recordTripleCheck({ runId: workflowInfo().runId, closedFrom: closedFrom ?? '', ...report });
  return report;
}

function add({ pages, report }: Progress, page: TriplePage): Progress {
  return {
    closedFrom: page.closedFrom,
    after: page.nextAfter,
    pages: pages + 1,
    report: {
      checked: report.checked + page.checked,
      healed: report.healed + page.healed,
      findings: report.findings + page.findings,
    },
  };
}
