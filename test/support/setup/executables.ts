// For projects whose tests start their own servers: found once, so that no test waits for a build.
import { provideServers } from '../global-setup';

export default async function setUp(): Promise<void> {
  await provideServers(['temporal-cli']);
}
