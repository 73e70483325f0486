// What Temporal starts by the clock: made sure of before the worker takes work.
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Client, ScheduleOptions } from '@temporalio/client';

import {
  CLEANUP_SCHEDULE_ID,
  CLEANUP_WORKFLOW_TYPE,
  INBOX_SWEEP_SCHEDULE_ID,
  INBOX_SWEEP_WORKFLOW_TYPE,
  MAIN_TASK_QUEUE,
  RECONCILE_SCHEDULE_ID,
  RECONCILE_WORKFLOW_TYPE,
  TRIPLE_CHECK_SCHEDULE_ID,
  TRIPLE_CHECK_WORKFLOW_TYPE,
} from '../contracts/messages';

const CALL_TIMEOUT_MS = 10_000;

/** Its message is one line with what an administrator has to do. */
export class SchedulesError extends Error {
  override readonly name = 'SchedulesError';
}

const SCHEDULES: readonly ScheduleOptions[] = [
  every('60s', CLEANUP_SCHEDULE_ID, CLEANUP_WORKFLOW_TYPE),
  every('30s', INBOX_SWEEP_SCHEDULE_ID, INBOX_SWEEP_WORKFLOW_TYPE),
  every('5m', RECONCILE_SCHEDULE_ID, RECONCILE_WORKFLOW_TYPE),
  every('1h', TRIPLE_CHECK_SCHEDULE_ID, TRIPLE_CHECK_WORKFLOW_TYPE),
];

function every(
  interval: '30s' | '60s' | '5m' | '1h',
  scheduleId: string,
  workflowType: string,
): ScheduleOptions {
  return {
    scheduleId,
    spec: { intervals: [{ every: interval }] },
    // A run that lasts longer takes the next one's place; what was missed while Temporal was away is not made up.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '60s' },
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId: workflowType,
      taskQueue: MAIN_TASK_QUEUE,
      args: [],
    },
    // Otherwise the maintenance route would say "overdue" for the first minute of every installation.
    state: { triggerImmediately: true },
  };
}

/**
 * Creates the schedules, or brings those that are there to what this version says; a pause by an operator stays. Any number
 * of workers may do it at once.
 * @throws SchedulesError where that is not permitted, with the schedule's name.
 */
export async function ensureSchedules(client: Client): Promise<void> {
  for (const options of SCHEDULES) {
    try {
      await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => ensure(client, options));
    } catch (err) {
      throw new SchedulesError(
        `The schedule ${options.scheduleId} could not be made sure of in namespace ${client.options.namespace}. ` +
          `Permit it, or create it: ${command(options)}`,
        { cause: err },
      );
    }
  }
}

async function ensure(client: Client, options: ScheduleOptions): Promise<void> {
  try {
    await client.schedule.create(options);
  } catch (err) {
    if (!(err instanceof ScheduleAlreadyRunning)) throw err;
    const { spec, action, policies } = options;
    await client.schedule
      .getHandle(options.scheduleId)
      .update((known) => ({ ...known, spec, action, ...(policies !== undefined && { policies }) }));
  }
}

function command({ scheduleId, spec, action }: ScheduleOptions): string {
  const type = action.type === 'startWorkflow' ? String(action.workflowType) : '';
  return (
    `temporal schedule create --schedule-id ${scheduleId} --interval ${String(spec.intervals?.[0]?.every)} ` +
    `--overlap-policy Skip --workflow-id ${type} --type ${type} --task-queue ${MAIN_TASK_QUEUE}`
  );
}
