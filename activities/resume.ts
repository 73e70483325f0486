// A long page that goes on where a worker that died had come to: what it last told with a heartbeat.
import { Context, heartbeat } from '@temporalio/activity';

/** The details of the last heartbeat of an earlier attempt, else `initial`. */
export function resumeFrom<T>(initial: T): T {
  const details = Context.current().info.heartbeatDetails as T | undefined;
  return details ?? initial;
}

/** Tells how far it has come; Temporal keeps the last one it was sent, which may be some seconds old. */
export function tellProgress<T>(progress: T): void {
  heartbeat(progress);
}
