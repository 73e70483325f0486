// The triple check: database row = workflow result = Stripe. It changes nothing itself: what settlement can mend it hands to
// settlement, the rest becomes an incident.
import { log } from '@temporalio/activity';
import { setTimeout as pause } from 'node:timers/promises';

import { openIncident } from '../db/incidents';
import {
  instantAgo,
  listClosedCheckouts,
  recordTripleCheck,
  type ClosedCheckout,
  type ClosedCursor,
  type TripleReport,
} from '../db/triple-check';
import type { ActivityDeps } from './deps';
import { watched } from './endless';
import { listRefunds } from './money';
import { PACE_MS, PatientReader } from './patient-reader';
import { isPaidInFull, read } from './payment-state';
import { resumeFrom, tellProgress } from './resume';
import { compareThree, type PaymentFacts, type TripleVerdict } from './triple-verdict';

const PAGE_MAX = 200;

export interface TripleInput {
  /** From the first page's answer; null for the first page. */
  closedFrom: string | null;
  closedSeconds: number;
  after: ClosedCursor | null;
}

export interface TriplePage {
  closedFrom: string;
  checked: number;
  healed: number;
  findings: number;
  /** Where the next page begins; null when this was the last. */
  nextAfter: ClosedCursor | null;
}

type PageProgress = Pick<TriplePage, 'checked' | 'healed' | 'findings'> & {
  after: ClosedCursor | null;
  left: number;
};

export function tripleCheckActivities(deps: ActivityDeps) {
  return {
    /** Compares one page of closed checkouts, oldest first. Another attempt goes on where the last one was. */
    async tripleCheck(input: TripleInput): Promise<TriplePage> {
      return watched(deps, { checkoutId: null, step: 'triple_check' }, async () => {
        const closedFrom = input.closedFrom ?? (await instantAgo(deps.pool, input.closedSeconds));
        return { closedFrom, ...(await checkPage(deps, closedFrom, input.after)) };
      });
    },
  };
}

export function tripleReportActivities(deps: ActivityDeps) {
  return {
    async recordTripleCheck(report: TripleReport): Promise<void> {
      await watched(deps, { checkoutId: null, step: 'record_triple_check' }, () =>
        recordTripleCheck(deps.pool, report),
      );
    },
  };
}

async function checkPage(deps: ActivityDeps, from: string, after: ClosedCursor | null) {
  const begin: PageProgress = { after, left: PAGE_MAX, checked: 0, healed: 0, findings: 0 };
  const progress = { ...resumeFrom(begin) };
  const { left } = progress;
  const page = await listClosedCheckouts(deps.pool, { from, after: progress.after, limit: left });
  const reader = new PatientReader();
  let safe = { ...progress };
  for (const [index, checkout] of page.entries()) {
    const verdict = await reader.tryOne(() => checkOne(deps, checkout));
    if (verdict === 'unreadable') log.warn('checkout not compared', { checkout_id: checkout.checkoutId });
    else {
      progress.checked += 1;
      progress.healed += verdict.needsSettlement ? 1 : 0;
      progress.findings += verdict.findings.length;
    }
    if (reader.isWell) safe = { ...progress, after: cursorOf(checkout), left: left - index - 1 };
    tellProgress(safe);
  }
  const { checked, healed, findings } = progress;
  const last = page.at(-1);
  const nextAfter = page.length < left || last === undefined ? null : cursorOf(last);
  return { checked, healed, findings, nextAfter };
}

const cursorOf = ({ closedAt, checkoutId }: ClosedCheckout): ClosedCursor => ({ closedAt, checkoutId });

async function checkOne(deps: ActivityDeps, checkout: ClosedCheckout): Promise<TripleVerdict> {
  const { checkoutId } = checkout;
  const run = await deps.runs.readCheckoutRun(checkoutId);
  const verdict = compareThree(checkout, run, await readPaymentFacts(deps, checkout));
  if (verdict.needsSettlement) await deps.runs.startSettlement(checkoutId);
  for (const kind of verdict.findings) {
    const result = run.state === 'completed' ? run.result : null;
    const { status, failureCode: failure_code } = checkout;
    await openIncident(deps.pool, {
      checkoutId,
      kind,
      detail: { status, failure_code, run: run.state, result },
    });
    deps.observer?.onTripleFinding?.(kind);
  }
  return verdict;
}

async function readPaymentFacts(deps: ActivityDeps, checkout: ClosedCheckout): Promise<PaymentFacts | null> {
  const { checkoutId, paymentIntentId } = checkout;
  if (paymentIntentId === null) return null;
  await pause(PACE_MS);
  const payment = await read(deps, checkoutId, paymentIntentId);
  const refunds =
    payment.amountReceivedMinor === 0 ? [] : await listRefunds(deps, checkoutId, paymentIntentId);
  return {
    status: payment.status,
    isPaidInFull: isPaidInFull(deps, checkout, payment),
    receivedMinor: payment.amountReceivedMinor,
    givenBackMinor: refunds
      .filter(({ status }) => status !== 'failed' && status !== 'canceled')
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0),
  };
}
