// Long lists, page by page: after the last row seen, by its instant and id. No offsets, so that new rows shift nothing.

export interface PageRequest {
  /** 1 to 100. */
  limit: number;
  /** Where the page before ended; null for the first. */
  after: Cursor | null;
}

export interface Cursor {
  /** Microseconds since 1970, in digits. */
  at: string;
  id: string;
}

export interface Page<Item> {
  items: Item[];
  /** Null: this was the last page. */
  next: Cursor | null;
}

/** What every row of a paged list carries beside its own columns. */
export interface CursorColumns {
  cursor_at: string;
  cursor_id: string;
}

/** `rows` holds one more than the limit when there is another page. */
export function toPage<Row extends CursorColumns, Item>(
  rows: readonly Row[],
  { limit }: PageRequest,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    next: rows.length > limit && last !== undefined ? { at: last.cursor_at, id: last.cursor_id } : null,
  };
}
