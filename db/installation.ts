// Whose database this is: one row, written by the first process that starts, compared by every later one.
import { queryMaybeOne, queryOne } from './query';
import type { Db } from './query';

export interface InstallationIdentity {
  /** Stripe's account id, or the hash that stands for one where the key may not read it. */
  stripeAccount: string;
  temporalNamespace: string;
}

interface InstallationRow {
  holdfast_env: string;
  stripe_account: string;
  temporal_namespace: string;
}

/** The database belongs to another Stripe account or Temporal namespace; everything in it would look like an orphan. */
export class InstallationMismatchError extends Error {
  override readonly name = 'InstallationMismatchError';
}

/** The installation's random id, or null when no process has claimed this database yet. */
export async function readHoldfastEnv(db: Db): Promise<string | null> {
  const row = await queryMaybeOne<{ holdfast_env: string }>(db, 'select holdfast_env from installation', []);
  return row?.holdfast_env ?? null;
}

/**
 * Claims the database for this Stripe account and Temporal namespace, or checks that it was. The first caller's values stay;
 * several at once agree on one row.
 * @throws InstallationMismatchError with one line that names what differs.
 */
export async function claimInstallation(
  db: Db,
  identity: InstallationIdentity,
): Promise<{ holdfastEnv: string }> {
  const row = await queryOne<InstallationRow>(
    db,
    `insert into installation as i (holdfast_env, stripe_account, temporal_namespace)
     values (replace(gen_random_uuid()::text, '-', ''), $1, $2)
     on conflict (singleton) do update
       set stripe_account = coalesce(i.stripe_account, excluded.stripe_account),
         temporal_namespace = coalesce(i.temporal_namespace, excluded.temporal_namespace)
     returning holdfast_env, stripe_account, temporal_namespace`,
    [identity.stripeAccount, identity.temporalNamespace],
  );
  requireSame('Stripe account', row.stripe_account, identity.stripeAccount);
  requireSame('Temporal namespace', row.temporal_namespace, identity.temporalNamespace);
  return { holdfastEnv: row.holdfast_env };
}

/**
 * `claimInstallation`, or, where Stripe could not be asked (`stripeAccount` null), whatever claimed this database before:
 * checkouts that are paid already must not wait for Stripe.
 * @throws InstallationMismatchError; Error when nobody has claimed the database yet and Stripe could not be asked.
 */
export async function recogniseInstallation(
  db: Db,
  { stripeAccount, temporalNamespace }: { stripeAccount: string | null; temporalNamespace: string },
): Promise<string> {
  if (stripeAccount !== null) {
    return (await claimInstallation(db, { stripeAccount, temporalNamespace })).holdfastEnv;
  }
  const known = await readHoldfastEnv(db);
  if (known === null) throw new Error('Stripe does not answer, so this new database cannot be claimed.');
  return known;
}

function requireSame(what: string, stored: string, given: string): void {
  if (stored === given) return;
  throw new InstallationMismatchError(
    `This database belongs to ${what} "${stored}", not to "${given}". Start against the former, or use another database.`,
  );
}
