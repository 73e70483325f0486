// A long history is left behind: the run goes on in a new one under the same id, with what it knows.
import { allHandlersFinished, workflowInfo } from '@temporalio/workflow';

/**
 * An hour or two of asking Stripe every two minutes, or a quarter of a day of a pause. Temporal ends a run at 51,200 events, and
 * suggests a new history at a number of its own, which an operator may lower.
 */
const PAGE_EVENTS_MAX = 500;

/** Whether the run should go on in a new history, and nobody waits for an answer that this one owes. */
export function isPageFull(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return (continueAsNewSuggested || historyLength >= PAGE_EVENTS_MAX) && allHandlersFinished();
}

/** Thrown out of a step that has done nothing yet: it begins anew in the new history. */
export class PageFull extends Error {
  override readonly name = 'PageFull';
}
