// Asks a Temporal CLI for its version and tells whether it may serve this project.
import { run } from '../processes/run';
import { CLI_VERSION, SERVER_VERSION } from './versions';

export interface CliVersion {
  cli: string;
  server: string;
}

/** Reads `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)`; null for any other words. */
export function parseCliVersion(output: string): CliVersion | null {
  const match = /temporal version v?([\w.+-]+) \(Server v?([\w.+-]+)/.exec(output);
  return match?.[1] && match[2] ? { cli: match[1], server: match[2] } : null;
}

/** The pinned CLI, or one whose server has the same major and minor version. */
export function fits(version: CliVersion): boolean {
  return version.cli === CLI_VERSION || minor(version.server) === minor(SERVER_VERSION);
}

/** The version a program reports, or null when it cannot be run or is no Temporal CLI. */
export async function askVersion(program: string): Promise<CliVersion | null> {
  const { status, output } = await run(program, ['--version'], { limitMs: 15_000 });
  return status === 0 ? parseCliVersion(output) : null;
}

function minor(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
