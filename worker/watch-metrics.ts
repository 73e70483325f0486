// The worker's numbers about what may be lost: events, checkouts that do not agree with Stripe, calls for a person.
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { WatchObserver } from '../activities';
import { countOpenIncidents } from '../db/incidents';
import { readInboxState } from '../db/inbox';
import type { Db } from '../db/query';
import { readLastReconciliation } from '../db/reconciliation';

/** Counts what this worker does. */
export function observeWatch(registry: Registry): Required<WatchObserver> {
  const registers = [registry];
  const listed = new Counter({
    name: 'holdfast_listed_events_total',
    help: 'Events that were asked for at Stripe and not known yet, by who asked and what was done with them.',
    labelNames: ['source', 'act'],
    registers,
  });
  const polls = new Histogram({
    name: 'holdfast_event_poll_duration_seconds',
    help: 'Turns at the events of Stripe, by result.',
    labelNames: ['result'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const swept = new Counter({
    name: 'holdfast_inbox_swept_events_total',
    help: 'Events that had waited a minute in the inbox, by what the sweep did with them.',
    labelNames: ['result'],
    registers,
  });
  const reconciled = new Counter({
    name: 'holdfast_reconciled_checkouts_total',
    help: 'Checkouts compared with Stripe, by result.',
    labelNames: ['result'],
    registers,
  });
  const orphans = new Counter({
    name: 'holdfast_orphans_canceled_total',
    help: 'PaymentIntents of ours that no checkout was bound to, canceled.',
    registers,
  });
  const findings = new Counter({
    name: 'holdfast_triple_check_findings_total',
    help: 'Contradictions between row, workflow result and Stripe, by kind.',
    labelNames: ['kind'],
    registers,
  });
  return {
    onTripleFinding: (kind) => findings.inc({ kind }),
    onListedEvent: (source, act) => listed.inc({ source, act }),
    onPoll: () => {
      const end = polls.startTimer();
      return (result) => void end({ result });
    },
    onSwept: (result) => swept.inc({ result }),
    onReconciled: (result) => reconciled.inc({ result }),
    onOrphanCanceled: () => orphans.inc(),
  };
}

/** What stands in the database, read when asked, so that all workers say the same; absent while the database is away. */
export function observeBacklog(registry: Registry, db: Db): void {
  const registers = [registry];
  const incidents: Gauge = new Gauge({
    name: 'holdfast_incidents_open',
    help: 'Incidents that nobody has resolved, by kind.',
    labelNames: ['kind'],
    registers,
    collect: async () => {
      incidents.reset();
      const counts = await countOpenIncidents(db).catch(() => []);
      for (const { kind, count } of counts) incidents.set({ kind }, count);
    },
  });
  const inbox: Gauge = new Gauge({
    name: 'holdfast_inbox_events',
    help: 'Events of our checkouts without outcome, by state: waiting, or given up by the sweep (quarantined).',
    labelNames: ['state'],
    registers,
    collect: async () => {
      inbox.reset();
      const state = await readInboxState(db).catch(() => null);
      if (state === null) return;
      inbox.set({ state: 'waiting' }, state.waiting);
      inbox.set({ state: 'quarantined' }, state.quarantined);
    },
  });
  const reconciled: Gauge = new Gauge({
    name: 'holdfast_reconciliation_last_end_timestamp_seconds',
    help: 'When the last reconciliation ended; 0: none did yet.',
    registers,
    collect: async () => {
      const last = await readLastReconciliation(db).catch(() => null);
      reconciled.set(last === null ? 0 : last.getTime() / 1_000);
    },
  });
}
