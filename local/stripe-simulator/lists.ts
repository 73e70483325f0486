// List routes: newest first, cursors, `created` filter (https://docs.stripe.com/api/pagination).

import { noSuch, invalidRequest } from './errors';
import type { FormValue } from './form';
import { integer, shape, text } from './params';
import type { Params, Reader, Spec } from './params';

interface CreatedRange {
  readonly gt?: number | undefined;
  readonly gte?: number | undefined;
  readonly lt?: number | undefined;
  readonly lte?: number | undefined;
}

const range = shape({ gt: integer, gte: integer, lt: integer, lte: integer });

const created: Reader<CreatedRange> = (value: FormValue, path: string) => {
  if (typeof value !== 'string') return range(value, path);
  const exact = integer(value, path);
  return { gte: exact, lte: exact };
};

const LIMIT_DEFAULT = 10;
const LIMIT_MAX = 100;

const limit: Reader<number> = (value, path) => {
  const count = integer(value, path);
  if (count < 1 || count > LIMIT_MAX) {
    throw invalidRequest(`Invalid limit: must be between 1 and ${LIMIT_MAX}`, { param: path });
  }
  return count;
};

/** Parameters of every list route. */
export const LIST_SPEC = { limit, starting_after: text, ending_before: text, created } satisfies Spec;

interface Listed {
  readonly id: string;
  readonly created: number;
}

/** One page of `items` (given oldest first) as Stripe's list object. `what` names the object in a cursor error. */
export function page<T extends Listed>(
  url: string,
  what: string,
  items: readonly T[],
  params: Params<typeof LIST_SPEC>,
  matches: (item: T) => boolean = () => true,
): object {
  const { starting_after: after, ending_before: before } = params;
  if (after !== undefined && before !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: starting_after, ending_before.', {
      code: 'parameters_exclusive',
      param: 'starting_after',
    });
  }
  const count = params.limit ?? LIMIT_DEFAULT;
  const wanted = items.slice(
    before === undefined ? 0 : cursor(what, items, before, 'ending_before') + 1,
    after === undefined ? items.length : cursor(what, items, after, 'starting_after'),
  );
  const found = wanted.filter((item) => isInRange(item.created, params.created) && matches(item));
  // `ending_before` asks for the page next to its cursor, so it is cut from the other end.
  const data = (before === undefined ? found.slice(-count) : found.slice(0, count)).toReversed();
  return { object: 'list', url, has_more: found.length > data.length, data };
}

function cursor(what: string, items: readonly Listed[], id: string, param: string): number {
  const index = items.findIndex((item) => item.id === id);
  if (index < 0) throw noSuch(what, id, param);
  return index;
}

function isInRange(at: number, filter: CreatedRange | undefined): boolean {
  if (!filter) return true;
  return (
    (filter.gt === undefined || at > filter.gt) &&
    (filter.gte === undefined || at >= filter.gte) &&
    (filter.lt === undefined || at < filter.lt) &&
    (filter.lte === undefined || at <= filter.lte)
  );
}
