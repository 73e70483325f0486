// For projects that need PostgreSQL alone.
import { provideServers } from '../global-setup';

export default async function setUp(): Promise<void> {
  await provideServers(['postgres']);
}
