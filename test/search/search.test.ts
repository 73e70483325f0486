// Every interleaving of what may happen to one unit and one or two buyers, within bounds: the product's decisions keep every
// promise in every world, and seven planted bugs do not. Models: test/search/model. What a world is and may do: world.ts, moves.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { newWorld } from './moves';
import { PLANTED, withBug } from './planted';
import { PRODUCT } from './rules';
import { search, type Found } from './search';
import type { World } from './world';

/** The largest takes seconds on an idle core; the rest is for a machine that others use. */
const SEARCH_MAX_MS = 240_000;

const MODEL_LINES_MAX = 300;

interface Scenario {
  captureMethod: World['captureMethod'];
  buyers: 1 | 2;
  left: Partial<World['left']>;
}

const SCENARIOS: readonly Scenario[] = [
  ...(['automatic', 'manual'] as const).flatMap((captureMethod): Scenario[] => [
    { captureMethod, buyers: 1, left: { trouble: 2 } },
    { captureMethod, buyers: 1, left: { trouble: 1, cancel: 1 } },
    { captureMethod, buyers: 1, left: { trouble: 1, operator: 1 } },
    { captureMethod, buyers: 1, left: { trouble: 1, person: 1 } },
    { captureMethod, buyers: 1, left: { trouble: 1, lapse: 1, rival: 1 } },
    { captureMethod, buyers: 1, left: { trouble: 1, terminate: 1 } },
    { captureMethod, buyers: 1, left: { trouble: 1, holdMax: 1, rival: 1 } },
    { captureMethod, buyers: 1, left: { terminate: 1, lapse: 1, rival: 1, person: 1 } },
    { captureMethod, buyers: 1, left: { cancel: 1, operator: 1, extend: 1, person: 1 } },
    { captureMethod, buyers: 1, left: { setback: 1, cancel: 1 } },
    { captureMethod, buyers: 1, left: { setback: 1, lapse: 1, rival: 1 } },
    { captureMethod, buyers: 1, left: { setback: 1, holdMax: 1 } },
  ]),
  { captureMethod: 'automatic', buyers: 2, left: {} },
];

function nameOf({ captureMethod, buyers, left }: Scenario): string {
  const kinds = Object.entries(left).map(([kind, times]) => `${times} ${kind}`);
  if (kinds.length === 0) kinds.push('nothing else');
  return `${captureMethod}, ${buyers} ${buyers === 1 ? 'buyer' : 'buyers'}, at most ${kinds.join(', ')}`;
}

/** For whoever reads a failure: what is wrong, and the shortest way to it. */
function storyOf({ violation }: Found): string {
  return violation === null ? '' : [violation.what, ...violation.path].join('\n  ');
}

const told: string[] = [];
afterAll(() => console.info(told.join('\n')));

test.each(SCENARIOS.map((scenario) => [nameOf(scenario), scenario] as const))(
  'no promise is broken: %s',
  (name, scenario) => {
    const found = search(newWorld(scenario), PRODUCT);
    told.push(`${found.worlds} worlds, ${found.moves} moves, ${found.finals} ends: ${name}`);
    expect(storyOf(found)).toBe('');
    expect(found.finals).toBeGreaterThan(1);
  },
  SEARCH_MAX_MS,
);

test.each(PLANTED.map((planted) => [planted.bug, planted] as const))(
  'finds a planted bug: %s',
  (_bug, planted) => {
    const world = planted.world();
    expect(storyOf(search(world, withBug(planted)))).toMatch(planted.found);
    expect(storyOf(search(planted.world(), PRODUCT))).toBe('');
  },
  SEARCH_MAX_MS,
);

test(`the models of Stripe, stock and network are at most ${MODEL_LINES_MAX} lines`, () => {
  const folder = join(__dirname, 'model');
  const lines = readdirSync(folder).map(
    (file) => readFileSync(join(folder, file), 'utf8').split('\n').length - 1,
  );
  expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(MODEL_LINES_MAX);
});
