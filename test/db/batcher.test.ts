// The batcher alone, over calls whose end the test decides.
import { createBatcher } from '../../db/batcher';
import type { BatcherOptions } from '../../db/batcher';
import { BusyError, isRetryableDatabaseError } from '../../db/errors';
import { required } from './support';

interface Call {
  members: string[];
  answer(outputs: (string | null)[]): void;
  fail(err: Error): void;
}

/** A batcher of strings whose every call waits until the test answers it. */
function openBatcher(options: Partial<BatcherOptions<string, string>> = {}) {
  const batches: Call[] = [];
  const singles: Call[] = [];
  const record = <T>(calls: Call[], members: string[], toResult: (outputs: (string | null)[]) => T) =>
    new Promise<T>((resolve, reject) => {
      calls.push({ members, answer: (outputs) => resolve(toResult(outputs)), fail: reject });
    });
  const batcher = createBatcher<string, string>({
    keyOf: (input) => input,
    runBatch: (inputs) => record(batches, [...inputs], (outputs) => outputs),
    runSingle: (input) => record(singles, [input], (outputs) => required(outputs[0] ?? undefined)),
    ...options,
  });
  return { ...batcher, batches, singles };
}

/** Long enough for a planned flush and all it leads to. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const sizes = ({ batches }: { batches: Call[] }) => batches.map(({ members }) => members.length);
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
const upper = (members: string[]) => members.map((member) => member.toUpperCase());

test('calls of one tick go together, those that come meanwhile go next, one batch at a time', async () => {
  const { call, batches } = openBatcher();
  const first = Promise.all(['a', 'b', 'c'].map(call));
  await settled();
  const second = Promise.all(['d', 'e'].map(call));
  await settled();
  expect(batches.map((batch) => batch.members)).toEqual([['a', 'b', 'c']]);
  required(batches[0]).answer(['A', 'B', 'C']);
  expect(await first).toEqual(['A', 'B', 'C']);
  await settled();
  expect(batches.map((batch) => batch.members)).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
  required(batches[1]).answer(['D', 'E']);
  expect(await second).toEqual(['D', 'E']);
});

test('a lone call takes the single path, at once', async () => {
  const { call, batches, singles } = openBatcher();
  const answer = call('a');
  await settled();
  expect(batches).toHaveLength(0);
  required(singles[0]).answer(['A']);
  expect(await answer).toBe('A');
});

test('the same key at the same time is one member; later it is another call', async () => {
  const { call, singles } = openBatcher();
  const both = [call('a'), call('a')];
  await settled();
  const third = call('a');
  expect(singles).toHaveLength(1);
  required(singles[0]).answer(['A']);
  expect(await Promise.all([...both, third])).toEqual(['A', 'A', 'A']);
  void call('a').catch(() => undefined);
  await settled();
  expect(singles).toHaveLength(2);
});

test('many are halved over two batches at once, never three; few wait for the one that is under way', async () => {
  const few = openBatcher();
  void Promise.all(numbered(63).map(few.call));
  await settled();
  expect(sizes(few)).toEqual([63]);
  const many = openBatcher();
  void Promise.all(numbered(300).map(many.call));
  await settled();
  expect(sizes(many)).toEqual([150, 150]);
  void Promise.all(numbered(331).map(many.call));
  await settled();
  expect(sizes(many)).toEqual([150, 150]);
  const [first] = many.batches;
  required(first).answer(upper(required(first).members));
  await settled();
  expect(sizes(many)).toEqual([150, 150]);
  void many.call('one more makes 32');
  await settled();
  expect(sizes(many)).toEqual([150, 150, 32]);
});

test('a batch has at most 500 members and the given weight', async () => {
  const plain = openBatcher();
  void Promise.all(numbered(1_201).map(plain.call));
  await settled();
  expect(sizes(plain)).toEqual([500, 500]);
  const [full] = plain.batches;
  required(full).answer(upper(required(full).members));
  await settled();
  expect(sizes(plain)).toEqual([500, 500, 201]);
  const heavy = openBatcher({ weightOf: (input) => input.length, weightMax: 5 });
  void Promise.all(['aaa', 'bb', 'cccccccc', 'd'].map(heavy.call));
  await settled();
  expect(heavy.batches.map((batch) => batch.members)).toEqual([['aaa', 'bb']]);
  required(heavy.batches[0]).answer(['', '']);
  await settled();
  expect(heavy.singles.map((single) => single.members)).toEqual([['cccccccc']]);
});

test('when a batch fails its members run singly: the poisoned one fails, its neighbours do not', async () => {
  const { call, batches, singles } = openBatcher();
  const answers = Promise.allSettled(['good', 'poison', 'fine'].map(call));
  await settled();
  required(batches[0]).fail(new Error('refused because of one'));
  await settled();
  for (const single of singles) {
    if (single.members[0] === 'poison') single.fail(new Error('poisoned'));
    else single.answer(upper(single.members));
  }
  expect(await answers).toMatchObject([
    { value: 'GOOD' },
    { reason: { message: 'poisoned' } },
    { value: 'FINE' },
  ]);
});

test('a member the batch cannot take runs singly, beside the next batch', async () => {
  const { call, batches, singles } = openBatcher();
  const answers = Promise.all(['a', 'odd'].map(call));
  await settled();
  required(batches[0]).answer(['A', null]);
  const next = Promise.all(['b', 'c'].map(call));
  await settled();
  required(batches[1]).answer(['B', 'C']);
  expect(await next).toEqual(['B', 'C']);
  required(singles[0]).answer(['ODD']);
  expect(await answers).toEqual(['A', 'ODD']);
});

test('a batch that answers another number of members is not believed', async () => {
  const { call, batches, singles } = openBatcher();
  const answers = Promise.all(['a', 'b'].map(call));
  await settled();
  required(batches[0]).answer(['A']);
  await settled();
  for (const single of singles) single.answer(upper(single.members));
  expect(await answers).toEqual(['A', 'B']);
});

test('few singles are under way at once', async () => {
  const { call, batches, singles } = openBatcher();
  const answers = Promise.all(numbered(20).map(call));
  await settled();
  required(batches[0]).fail(new Error('connection lost'));
  for (let answered = 0; answered < 20; answered += 1) {
    await settled();
    expect(singles.length - answered).toBeLessThanOrEqual(4);
    const single = required(singles[answered]);
    single.answer(upper(single.members));
  }
  expect(await answers).toHaveLength(20);
});

test('beyond the bound of the queue a call is refused at once, retryable; the others are not touched', async () => {
  const { call, batches } = openBatcher({ queueMax: 3 });
  const answers = Promise.all(['a', 'b', 'c'].map(call));
  const refused = await call('d').catch((err: unknown) => err);
  expect(refused).toBeInstanceOf(BusyError);
  expect(isRetryableDatabaseError(refused)).toBe(true);
  await settled();
  required(batches[0]).answer(['A', 'B', 'C']);
  expect(await answers).toEqual(['A', 'B', 'C']);
  void call('d').catch(() => undefined);
});

test('who waited too long is refused instead of sent: its caller has gone', async () => {
  const { call, batches, singles } = openBatcher({ waitMaxMs: -1 });
  const early = call('a').catch((err: unknown) => err);
  await settled();
  expect(await early).toBeInstanceOf(BusyError);
  expect([...batches, ...singles]).toEqual([]);
});

test('drain refuses new calls and resolves when those it has are answered', async () => {
  const { call, drain, batches } = openBatcher();
  const answers = Promise.all(['a', 'b'].map(call));
  let isDrained = false;
  const drained = drain().then(() => (isDrained = true));
  await expect(call('c')).rejects.toBeInstanceOf(BusyError);
  await settled();
  expect(isDrained).toBe(false);
  required(batches[0]).answer(['A', 'B']);
  expect(await answers).toEqual(['A', 'B']);
  await drained;
});

test('every call is told of, with its size and whether it failed', async () => {
  const told: unknown[] = [];
  const { call, batches } = openBatcher({ onCall: (one) => void told.push(one) });
  const answers = Promise.all(['a', 'b'].map(call));
  await settled();
  required(batches[0]).answer(['A', 'B']);
  await answers;
  expect(told).toEqual([{ members: 2, failed: false }]);
});
