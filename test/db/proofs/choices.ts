// Decisions read from a list that fast-check draws and shrinks: fewer and smaller numbers are a simpler sequence.
import { randomUUID } from 'node:crypto';

import fc from 'fast-check';

import type { Random } from './random';

const NUMBER_MAX = 0xffff_ffff;

/** The numbers one step may use up, and one such list for each step of a sequence; dropping one leaves the others as they are. */
const oneStep = fc.array(fc.noBias(fc.nat(NUMBER_MAX)), { minLength: 24, maxLength: 24 });

export function sequences(stepsMax: number): fc.Arbitrary<{ setUp: number[]; steps: number[][] }> {
  return fc.record({
    setUp: oneStep,
    steps: fc.array(oneStep, { minLength: 1, maxLength: stepsMax, size: 'max' }),
  });
}

/** Past the end of the list everything is the first choice. Ids are new ones: no decision hangs on them. */
export function createChoices(numbers: readonly number[]): Random {
  let used = 0;
  const next = (): number => {
    used += 1;
    return (numbers[used - 1] ?? 0) / (NUMBER_MAX + 1);
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    chance: (probability) => next() >= 1 - probability,
    pick: (from) => {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    uuid: randomUUID,
  };
}
