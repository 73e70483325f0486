// Incidents: what only a person can finish. Open until someone resolves it.
import { queryOne, queryRows } from './query';
import type { Db } from './query';

export interface Incident {
  id: string;
  checkoutId: string | null;
  kind: string;
  detail: Record<string, unknown>;
  openedAt: Date;
}

/** Opens one incident per checkout and kind. While it is open, reporting the same again changes nothing. */
export async function openIncident(
  db: Db,
  incident: { checkoutId: string | null; kind: string; detail: Record<string, unknown> },
): Promise<void> {
  await queryRows(
    db,
    `insert into incidents (checkout_id, kind, detail) values ($1, $2, $3)
     on conflict (checkout_id, kind) where resolved_at is null do nothing`,
    [incident.checkoutId, incident.kind, JSON.stringify(incident.detail)],
  );
}

/** Closes a checkout's open incidents of these kinds, whose cause has ended by itself. */
export async function closeIncidents(
  db: Db,
  { checkoutId, kinds }: { checkoutId: string; kinds: readonly string[] },
): Promise<void> {
  await queryRows(
    db,
    `update incidents set resolved_at = clock_timestamp()
     where checkout_id = $1 and kind = any ($2) and resolved_at is null`,
    [checkoutId, kinds],
  );
}

/** More open incidents than this are one incident. */
const INCIDENTS_MAX = 500;

/** Open incidents, oldest first, at most 500. */
export async function listOpenIncidents(db: Db): Promise<Incident[]> {
  const rows = await queryRows<{
    id: string;
    checkout_id: string | null;
    kind: string;
    detail: Record<string, unknown>;
    opened_at: Date;
  }>(
    db,
    `select id, checkout_id, kind, detail, opened_at from incidents
     where resolved_at is null order by opened_at, id limit $1`,
    [INCIDENTS_MAX],
  );
  return rows.map((row) => ({
    id: row.id,
    checkoutId: row.checkout_id,
    kind: row.kind,
    detail: row.detail,
    openedAt: row.opened_at,
  }));
}

/** Closes an incident in an operation's name. False: it was resolved before, by somebody else. Null: there is none. */
export async function resolveIncident(
  db: Db,
  { incidentId, operationId }: { incidentId: string; operationId: string },
): Promise<boolean | null> {
  const row = await queryOne<{ is_resolved: boolean | null }>(
    db,
    'select resolve_incident($1, $2) as is_resolved',
    [incidentId, operationId],
  );
  return row.is_resolved;
}

/** How many incidents of each kind are open. */
export async function countOpenIncidents(db: Db): Promise<{ kind: string; count: number }[]> {
  return queryRows(
    db,
    'select kind, count(*)::int as count from incidents where resolved_at is null group by kind order by kind',
    [],
  );
}
