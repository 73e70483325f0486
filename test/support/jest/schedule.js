// What two-lanes.js has to know of the test files: a name that is wrong or missing here costs time and nothing else.
'use strict';

/**
 * Less than 0.4 s of processor time per second, servers included; the longest first. Together they take somewhat longer than half
 * of what the others take: waits do not grow on a busy machine.
 */
const MOSTLY_WAITING = [
  'workflow/refund-cut-off',
  'e2e/temporal-down',
  'workflow/outage',
  'workflow/races',
  'workflow/refunds',
  'api/sold-out',
  'api/streams',
  'workflow/long-troubles',
  'workflow/compensation',
  'api/admin',
  'workflow/triple-check',
  'workflow/reconciliation-pages',
  'workflow/settlement',
  'workflow/stripe-trouble',
  'workflow/operator-no-worker',
  'api/starts',
  'workflow/cost',
  'local/parts',
];

/** Busy for more than half a minute, the longest first. */
const LONG = [
  'e2e/postgres-flapping',
  'e2e/switches',
  'e2e/events',
  'e2e/start',
  'search/search',
  'e2e/storm',
  'workflow/switches-under-load',
  'local/supervisor',
  'workflow/starvation',
  'e2e/kill',
  'workflow/operator-acts',
  'e2e/polling',
  'workflow/operator-matrix',
  'db/model-replay',
];

module.exports = { LONG, MOSTLY_WAITING };
