// The end of a jest run: no server of it is left.
import { stopServers } from './global-setup';

export default async function tearDown(): Promise<void> {
  await stopServers();
}
