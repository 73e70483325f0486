// Says "sold out" without starting a workflow: what most of a crowd will hear, so it must cost next to nothing.
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

import type { RequestedLine } from '../contracts/checkout';
import type { Db } from '../db/query';
import { readAvailability } from '../db/stock';
import type { Availability } from '../db/stock';
import { Problem } from './problems';

/** A restock, or units that came back, are seen this much later at most. */
const AGE_MAX_MS = 250;
const PRODUCTS_MAX = 1_000;

const UNKNOWN: Promise<Availability | null> = Promise.resolve(null);

interface Entry {
  /** When the reading began: what it shows may be that old. */
  readAtMs: number;
  /** Null: no such product. */
  availability: Promise<Availability | null>;
}

export interface SoldOutCheck {
  /**
   * The refusal for the first line that cannot be had, or null: nothing known against it. Sold out means: fewer units free
   * than wanted, no dead hold that a buyer would be given, and the drop open (a closed one has its own answer).
   */
  find(lines: readonly RequestedLine[]): Promise<Problem | null>;
}

export function createSoldOutCheck(db: Db, metrics: Registry): SoldOutCheck {
  const entries = new Map<string, Entry>();
  const answered = new Counter({
    name: 'holdfast_sold_out_answers_total',
    help: 'Orders refused as sold out before a workflow was started.',
    registers: [metrics],
  });

  function refresh(ids: string[]): void {
    const readAtMs = performance.now();
    const read = readAvailability(db, ids);
    for (const id of ids) {
      const availability = read.then((all) => all.find((one) => one.dropProductId === id) ?? null);
      // A failed reading is told to those who wait for it and not kept.
      const entry = { readAtMs, availability };
      availability.catch(() => {
        if (entries.get(id) === entry) entries.delete(id);
      });
      entries.delete(id);
      entries.set(id, entry);
    }
    // Oldest first: a map keeps the order of insertion, and a refreshed product is inserted anew.
    for (const id of entries.keys()) {
      if (entries.size <= PRODUCTS_MAX) break;
      entries.delete(id);
    }
  }

  return {
    async find(lines) {
      const now = performance.now();
      const isStale = (id: string) => now - (entries.get(id)?.readAtMs ?? -Infinity) > AGE_MAX_MS;
      const stale = lines.map((line) => line.dropProductId).filter(isStale);
      if (stale.length > 0) refresh(stale);
      // Taken from the map before anything is awaited: another caller's refresh may push them out.
      const readings = lines.map((line) => entries.get(line.dropProductId)?.availability ?? UNKNOWN);
      for (const [index, reading] of (await Promise.all(readings)).entries()) {
        const line = lines[index];
        if (line === undefined || reading === null || !isSoldOut(reading, line)) continue;
        answered.inc();
        return refusal(reading, line);
      }
      return null;
    },
  };
}

function isSoldOut({ available, hasDeadHolds, isOpen }: Availability, { quantity }: RequestedLine): boolean {
  return isOpen && !hasDeadHolds && available < quantity;
}

/** The members are those of a refusal by the database. */
function refusal({ dropProductId, name, available }: Availability, { quantity }: RequestedLine): Problem {
  return new Problem('insufficient_inventory', {
    extensions: { drop_product_id: dropProductId, product_name: name, requested: quantity, available },
  });
}
