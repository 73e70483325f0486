// Brings the embedded database up to date: the schema, and the demo drop to try things with.
import { migrate } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { seedDemoDrop } from '../../db/seed';

export async function prepareDatabase(url: string, log: (line: string) => void): Promise<void> {
  const { applied } = await migrate(url);
  if (applied.length > 0)
    log(`Applied ${applied.length} ${applied.length === 1 ? 'migration' : 'migrations'}.`);
  const pool = createPool({ connectionString: url, applicationName: 'holdfast-supervisor', max: 1 });
  try {
    await seedDemoDrop(pool);
  } finally {
    await pool.end();
  }
}
