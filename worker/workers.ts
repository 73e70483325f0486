// Three workers in one process: workflows with PostgreSQL, the creates with their rate, every other call to Stripe.
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type NativeConnection,
  type WorkerOptions,
} from '@temporalio/worker';

import {
  createMainActivities,
  createStripeActivities,
  createStripeCreateActivities,
  type ActivityDeps,
} from '../activities';
import { MAIN_TASK_QUEUE, STRIPE_CREATE_TASK_QUEUE, STRIPE_TASK_QUEUE } from '../contracts/messages';

export interface WorkersOptions {
  connection: NativeConnection;
  namespace: string;
  deps: ActivityDeps;
  /** A bundle made before; without it the worker bundles `workflows/` when it starts. */
  workflowBundlePath?: string;
}

const SLOTS = 256;
/** Spelled out: the SDK's `maxConcurrent*TaskPolls` are not read in 1.24, and a maximum below 5 is refused. */
const POLLERS = { type: 'autoscaling', minimum: 2, initial: 5, maximum: 20 } as const;

const POLLING: Partial<WorkerOptions> = {
  activityTaskPollerBehavior: POLLERS,
  maxConcurrentActivityTaskExecutions: SLOTS,
  shutdownGraceTime: '4s',
  shutdownForceTime: '6s',
};

export async function createWorkers(options: WorkersOptions): Promise<Worker[]> {
  const { connection, namespace, deps, workflowBundlePath } = options;
  const base = { connection, namespace, ...POLLING };
  const workflowBundle =
    workflowBundlePath === undefined ? await bundleWorkflows() : { codePath: workflowBundlePath };
  const main = await Worker.create({
    ...base,
    taskQueue: MAIN_TASK_QUEUE,
    activities: createMainActivities(deps),
    workflowTaskPollerBehavior: POLLERS,
    maxConcurrentWorkflowTaskExecutions: SLOTS,
    maxConcurrentLocalActivityExecutions: SLOTS,
    workflowBundle,
  });
  const stripeCreate = await Worker.create({
    ...base,
    taskQueue: STRIPE_CREATE_TASK_QUEUE,
    activities: createStripeCreateActivities(deps),
    maxTaskQueueActivitiesPerSecond: deps.createsPerSecond,
  });
  const stripe = await Worker.create({
    ...base,
    taskQueue: STRIPE_TASK_QUEUE,
    activities: createStripeActivities(deps),
  });
  return [main, stripeCreate, stripe];
}

/** Two seconds of webpack; its report is for those who look for a fault in it. */
function bundleWorkflows() {
  return bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows'),
    logger: new DefaultLogger('WARN'),
  });
}
