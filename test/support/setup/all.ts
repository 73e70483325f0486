// For projects that run workflows: PostgreSQL, both Temporal servers and the bundled workflow code.
import { provideServers } from '../global-setup';

export default async function setUp(): Promise<void> {
  await provideServers(['postgres', 'temporal', 'time-skipping', 'bundle']);
}
