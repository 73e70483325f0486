// Chance: the system's, or a sequence that is the same for the same seed.

import { createHash, randomInt } from 'node:crypto';

export interface Random {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
}

export const SYSTEM_RANDOM: Random = { below: (limit) => randomInt(limit) };

const BYTES_PER_NUMBER = 4;
const RANGE = 2 ** 32;

/** The same numbers in the same order for the same seed. For tests: whoever knows the seed knows every id and secret. */
export function seededRandom(seed: string): Random {
  let block = Buffer.alloc(0);
  let used = 0;
  let blocks = 0;
  const next = () => {
    if (used + BYTES_PER_NUMBER > block.length) {
      block = createHash('sha512').update(`${seed}:${blocks}`).digest();
      blocks += 1;
      used = 0;
    }
    const value = block.readUInt32BE(used);
    used += BYTES_PER_NUMBER;
    return value;
  };
  return { below: (limit) => Math.floor((next() / RANGE) * limit) };
}
