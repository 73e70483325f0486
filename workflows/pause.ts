// `SETTLEMENT=paused`, as the sagas see it: a step that answers `paused` is asked again, until somebody turns it back on.
import { sleep } from '@temporalio/workflow';

import type { Paused } from '../activities/pause';
import { isPageFull, PageFull } from './page';

const ASK_AGAIN_FIRST_MS = 30_000;
/** A third of the lease that each ask renews. The first hour of asking writes 80 to 170 events. */
const ASK_AGAIN_MAX_MS = 300_000;

/**
 * What the step answers once it is not paused. Its end is only that answer: a pause lasts as long as an operator wants.
 * @throws PageFull between two asks: a paused step has done nothing, and may begin anew.
 * @param beforeAgain what the time that has passed may have changed; an answer of its own takes the step's place.
 */
export async function unlessPaused<T extends object>(
  ask: () => Promise<T | Paused>,
  beforeAgain?: () => Promise<T | null>,
): Promise<T> {
  for (let waitMs = ASK_AGAIN_FIRST_MS; ; waitMs = Math.min(waitMs * 2, ASK_AGAIN_MAX_MS)) {
    const answer = await ask();
    if (!isPaused(answer)) return answer;
    await sleep(waitMs, { summary: 'settlement is paused: ask again' });
    if (isPageFull()) throw new PageFull();
    const instead = await beforeAgain?.();
    if (instead !== undefined && instead !== null) return instead;
  }
}

function isPaused<T extends object>(answer: T | Paused): answer is Paused {
  return 'outcome' in answer && answer.outcome === 'paused';
}
