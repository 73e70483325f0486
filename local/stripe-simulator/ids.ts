// Ids in Stripe's style: a prefix and random letters and digits.

import type { Random } from './random';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `<prefix>_<length characters>` */
export function randomId(random: Random, prefix: string, length = 24): string {
  return `${prefix}_${randomText(random, length)}`;
}

export function randomText(random: Random, length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) text += ALPHABET[random.below(ALPHABET.length)];
  return text;
}
