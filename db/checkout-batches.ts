// Open and confirm for many checkouts in one statement each, and the two calls that put single ones into such batches.
import type { Pool } from 'pg';

import { createBatcher } from './batcher';
import type { Batcher } from './batcher';
import { confirmCheckout, toEnding, unheardEvents } from './checkout-endings';
import type { CheckoutEnding, ConfirmInput, EndingRow } from './checkout-endings';
import { openCheckout, toOpenOutcome } from './checkouts';
import type { OpenInput, OpenOutcome, OpenRow } from './checkouts';
import { queryRows } from './query';
import type { Db } from './query';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const INT4_MAX = 2_147_483_647;

type Position = { member: number };

/**
 * `openCheckout` for each, in one statement; decided in the order given. Answers by position; null: nothing was done for
 * this one, it must be opened singly (which also says what is wrong with it).
 */
export async function openCheckouts(db: Db, inputs: readonly OpenInput[]): Promise<(OpenOutcome | null)[]> {
  const fit = indexesOf(inputs, isFitToOpen);
  if (fit.length === 0) return inputs.map(() => null);
  const members = fit.map((index) => inputs[index] as OpenInput);
  const lines = members.flatMap((member, index) =>
    member.lines.map((line) => ({ owner: index + 1, ...line })),
  );
  const rows = await queryRows<
    Position & Omit<OpenRow, 'outcome'> & { outcome: OpenRow['outcome'] | 'single' }
  >(db, 'select * from open_checkouts($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    members.map((member) => member.checkoutId),
    members.map((member) => member.requestFingerprint),
    members.map((member) => member.customerId),
    members.map((member) => member.windowSeconds),
    members.map((member) => member.reclaimGraceSeconds),
    members.map((member) => member.paymentAttemptsMax),
    lines.map((line) => line.owner),
    lines.map((line) => line.dropProductId),
    lines.map((line) => line.quantity),
  ]);
  return scatter(inputs.length, fit, rows, ({ outcome, ...row }) =>
    outcome === 'single' ? null : toOpenOutcome({ outcome, ...row }),
  );
}

/** `confirmCheckout` for each, in one statement. Answers by position; null: nothing was done, confirm it singly. */
export async function confirmCheckouts(
  db: Db,
  inputs: readonly ConfirmInput[],
): Promise<(CheckoutEnding | null)[]> {
  const fit = indexesOf(inputs, (input) => UUID.test(input.checkoutId));
  if (fit.length === 0) return inputs.map(() => null);
  const members = fit.map((index) => inputs[index] as ConfirmInput);
  const events = members.flatMap((member, index) =>
    member.eventIds.map((eventId) => ({ owner: index + 1, eventId })),
  );
  const rows = await queryRows<Position & EndingRow & { outcome: 'answered' | 'single' }>(
    db,
    `select c.*, ${unheardEvents('($1::uuid[])[c.member]')} from confirm_checkouts($1, $2, $3, $4) as c`,
    [
      members.map((member) => member.checkoutId),
      members.map((member) => member.paymentIntentId),
      events.map((event) => event.owner),
      events.map((event) => event.eventId),
    ],
  );
  return scatter(inputs.length, fit, rows, (row) => (row.outcome === 'single' ? null : toEnding(row)));
}

export interface CheckoutBatches {
  openCheckout(input: OpenInput): Promise<OpenOutcome>;
  confirmCheckout(input: ConfirmInput): Promise<CheckoutEnding>;
  /** Before the pool ends: resolves when every call is answered. */
  drain(): Promise<void>;
}

export interface CheckoutBatchesOptions {
  /** Told of every call to the database. */
  onCall?: (step: 'open' | 'confirm', call: { members: number; failed: boolean }) => void;
}

/** The two hot steps of the saga, batched per process; same answers and errors as the single functions, and `BusyError`. */
export function createCheckoutBatches(pool: Pool, options: CheckoutBatchesOptions = {}): CheckoutBatches {
  const open: Batcher<OpenInput, OpenOutcome> = createBatcher({
    keyOf: (input) => JSON.stringify(input),
    weightOf: (input) => input.lines.length,
    runBatch: (inputs) => openCheckouts(pool, inputs),
    runSingle: (input) => openCheckout(pool, input),
    onCall: (call) => options.onCall?.('open', call),
  });
  const confirm: Batcher<ConfirmInput, CheckoutEnding> = createBatcher({
    keyOf: (input) => JSON.stringify(input),
    runBatch: (inputs) => confirmCheckouts(pool, inputs),
    runSingle: (input) => confirmCheckout(pool, input),
    onCall: (call) => options.onCall?.('confirm', call),
  });
  return {
    openCheckout: open.call,
    confirmCheckout: confirm.call,
    drain: async () => {
      await Promise.all([open.drain(), confirm.drain()]);
    },
  };
}

/**
 * What can be sent as arrays at all: one value that is none of its type would have the whole statement refused. And what may
 * compete with its neighbours: who only asks whether units are free must not be refused for others who only ask.
 */
function isFitToOpen(input: OpenInput): boolean {
  return (
    input.isCheckOnly !== true &&
    UUID.test(input.checkoutId) &&
    input.lines.length > 0 &&
    input.lines.every((line) => UUID.test(line.dropProductId) && isInt4(line.quantity)) &&
    [input.windowSeconds, input.reclaimGraceSeconds, input.paymentAttemptsMax].every(isInt4)
  );
}

function isInt4(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= INT4_MAX;
}

function indexesOf<T>(all: readonly T[], isWanted: (one: T) => boolean): number[] {
  return [...all.keys()].filter((index) => isWanted(all[index] as T));
}

/** Back to the positions of all inputs; those that were not sent are null. */
function scatter<Row extends Position, Output>(
  count: number,
  sent: readonly number[],
  rows: readonly Row[],
  toOutput: (row: Row) => Output | null,
): (Output | null)[] {
  if (rows.length !== sent.length) throw new Error('the batch answered another number of members');
  const outputs = Array.from<Output | null>({ length: count }).fill(null);
  for (const row of rows) outputs[sent[row.member - 1] as number] = toOutput(row);
  return outputs;
}
