// Breadth first over every world that can be reached: the shortest way to whatever is wrong. Worlds are kept as hashes; a way is
// told by walking it again.
import { hash } from 'node:crypto';

import { findViolation, isFinal } from './invariants';
import { movesOf } from './moves';
import type { Rules } from './rules';
import type { World } from './world';

/** Taken once: in jest's own context every look at a global goes through C++. */
const { isArray } = Array;
const { parse, stringify } = JSON;

export interface Found {
  /** Worlds that were reached. */
  worlds: number;
  moves: number;
  finals: number;
  violation: { what: string; path: string[] } | null;
}

/**
 * Explores until nothing is new, or something is wrong: a broken promise, or a world from which the system's own moves lead to
 * no end. @throws Error beyond `worldsMax`.
 */
export function search(first: World, rules: Rules, worldsMax = 5_000_000): Found {
  const known = new Map<string, number>();
  const ways: Way[] = [];
  const edges: { from: number[]; to: number[] } = { from: [], to: [] };
  const finals: number[] = [];
  let moves = 0;
  const told = (what: string, index: number): Found => ({
    worlds: ways.length,
    moves,
    finals: finals.length,
    violation: { what, path: pathTo(ways, index) },
  });
  const add = (text: string, parent: number, name: string): number => {
    ways.push({ parent, name });
    known.set(keyOf(text), ways.length - 1);
    return ways.length - 1;
  };

  let frontier = [{ text: stringify(first), index: add(stringify(first), -1, '') }];
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { text, index } of frontier) {
      const world = parse(text) as World;
      const violation = findViolation(world);
      if (violation !== null) return told(violation, index);
      if (isFinal(world)) finals.push(index);
      for (const { name, apply, isOwn } of movesOf(world, rules)) {
        const after = copy(world);
        apply(after);
        moves += 1;
        const afterText = stringify(after);
        let to = known.get(keyOf(afterText));
        if (to === undefined) {
          to = add(afterText, index, name);
          next.push({ text: afterText, index: to });
        }
        if (isOwn && to !== index) {
          edges.from.push(index);
          edges.to.push(to);
        }
      }
      if (ways.length > worldsMax) throw new Error(`more than ${worldsMax} worlds`);
    }
    frontier = next;
  }
  const stuck = findStuck(ways.length, edges, finals);
  if (stuck !== null) return told('nothing that happens by itself leads to an end', stuck);
  return { worlds: ways.length, moves, finals: finals.length, violation: null };
}

interface Way {
  parent: number;
  name: string;
}

function pathTo(ways: readonly Way[], index: number): string[] {
  const path: string[] = [];
  for (let at = index; at > 0; at = (ways[at] as Way).parent) path.push((ways[at] as Way).name);
  return path.toReversed();
}

const keyOf = (text: string): string => hash('md5', text, 'base64');

/** Of plain data, keys in their order: three times as fast as by way of JSON, and nothing is done as often here. */
function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (isArray(value)) {
    const items: unknown[] = [];
    for (let n = 0; n < value.length; n += 1) items.push(copy(value[n]));
    return items as T;
  }
  const fields: Record<string, unknown> = {};
  for (const key in value) fields[key] = copy(value[key]);
  return fields as T;
}

/** The first world that no final one can be reached from, going backwards from all of those. */
function findStuck(
  count: number,
  { from, to }: { from: readonly number[]; to: readonly number[] },
  finals: readonly number[],
): number | null {
  const starts = new Int32Array(count + 1);
  for (const target of to) starts[target + 1]! += 1;
  for (let n = 0; n < count; n += 1) starts[n + 1]! += starts[n]!;
  const sources = new Int32Array(to.length);
  const filled = starts.slice();
  for (const [edge, target] of to.entries()) sources[filled[target]!++] = from[edge]!;
  const canEnd = new Uint8Array(count);
  const stack = [...finals];
  for (const final of finals) canEnd[final] = 1;
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (let n = starts[at]!; n < starts[at + 1]!; n += 1) {
      const source = sources[n]!;
      if (canEnd[source] === 1) continue;
      canEnd[source] = 1;
      stack.push(source);
    }
  }
  const stuck = canEnd.indexOf(0);
  return stuck < 0 ? null : stuck;
}
