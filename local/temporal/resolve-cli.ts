// Finds or makes the Temporal CLI of the pinned version, by the first way that works.
import { accessSync, constants } from 'node:fs';
import { arch, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { run } from '../processes/run';
import { askVersion, fits } from './cli-version';
import { downloadServer } from './download';
import type { DownloadResult } from './download';
import { cacheOnce, findCached } from './user-cache';
import { CLI_VERSION, SERVER_VERSION } from './versions';

export interface TemporalCli {
  path: string;
  way: 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'download' | 'build';
  /** Why this way and none before it, for a person. */
  why: string;
}

export interface ResolveOptions {
  log: (line: string) => void;
  env?: NodeJS.ProcessEnv;
  /** Told to end a build when this process dies. */
  guardian?: Guardian;
  /** Replaced in tests, which reach no download host and do not build for minutes. */
  download?: (draft: string) => Promise<DownloadResult>;
  build?: (draft: string) => Promise<DownloadResult>;
}

const MODULE = 'github.com/temporalio/cli';
const BUILD_LIMIT_MS = 40 * 60_000;
const CACHE_NAME = `temporal-${CLI_VERSION}-${platform()}-${arch()}`;

/**
 * In this order: `TEMPORAL_CLI_PATH`; `temporal` on PATH if its version fits; the user's cache; the SDK's download; a build
 * from Go modules. The last two fill the cache.
 * @throws SetupError that says what was tried and what a person can do
 */
export async function resolveTemporalCli(options: ResolveOptions): Promise<TemporalCli> {
  const env = options.env ?? process.env;
  const told = await explicitCli(env);
  if (told) return told;
  const reasons: string[] = [];
  const onPath = await cliOnPath(env, reasons);
  if (onPath) return onPath;
  const cached = findCached(CACHE_NAME);
  if (cached)
    return { path: cached, way: 'cache', why: `version ${CLI_VERSION} was downloaded or built before` };
  return makeCli(options, reasons);
}

async function explicitCli(env: NodeJS.ProcessEnv): Promise<TemporalCli | null> {
  const path = env['TEMPORAL_CLI_PATH'];
  if (!path) return null;
  const version = await askVersion(path);
  if (!version)
    throw new SetupError(`TEMPORAL_CLI_PATH names ${path}, which is not a Temporal CLI that runs here.`);
  return { path, way: 'TEMPORAL_CLI_PATH', why: `CLI ${version.cli}, server ${version.server}` };
}

async function cliOnPath(env: NodeJS.ProcessEnv, reasons: string[]): Promise<TemporalCli | null> {
  const path = findOnPath('temporal', env);
  if (!path) {
    reasons.push('no "temporal" on PATH');
    return null;
  }
  const version = await askVersion(path);
  if (version && fits(version))
    return { path, way: 'PATH', why: `CLI ${version.cli}, server ${version.server}` };
  const found = version ? `server ${version.server}` : 'no version';
  reasons.push(`${path} does not fit (${found}, needed ${SERVER_VERSION})`);
  return null;
}

async function makeCli(options: ResolveOptions, reasons: string[]): Promise<TemporalCli> {
  const { log } = options;
  const download = options.download ?? ((folder) => downloadCli(folder, options));
  const build = options.build ?? ((folder) => buildCli(folder, options));
  let way: 'download' | 'build' = 'download';
  const path = await cacheOnce(
    CACHE_NAME,
    async (draft) => {
      const downloaded = await download(draft);
      if ('path' in downloaded) return downloaded.path;
      reasons.push(`no download (${downloaded.failure})`);
      log(`Temporal ${CLI_VERSION}: ${reasons.join('; ')}.`);
      way = 'build';
      const built = await build(draft);
      if ('path' in built) return built.path;
      reasons.push(`no build (${built.failure})`);
      return null;
    },
    log,
  );
  if (path) return { path, way, why: reasons.join('; ') || 'first use' };
  throw new SetupError(
    `There is no Temporal server ${SERVER_VERSION} to be had here: ${reasons.join('; ')}. Any of these helps: install the ` +
      `Temporal CLI ${CLI_VERSION} and set TEMPORAL_CLI_PATH to it; install Go 1.21 or later, which builds it; ` +
      'set TEMPORAL_ADDRESS to a server of your own.',
  );
}

function downloadCli(folder: string, { log, guardian }: ResolveOptions): Promise<DownloadResult> {
  log(`Looking for a download of the Temporal CLI ${CLI_VERSION}.`);
  return downloadServer({ kind: 'dev-server', version: `v${CLI_VERSION}`, folder, log, guardian });
}

async function buildCli(folder: string, { log, guardian }: ResolveOptions): Promise<DownloadResult> {
  log(
    `Building the Temporal CLI ${CLI_VERSION} from its Go modules: three to six minutes, once for this user.`,
  );
  const path = join(folder, 'temporal');
  const flags = `-s -w -X ${MODULE}/internal/temporalcli.Version=${CLI_VERSION}`;
  const result = await run('go', ['build', '-o', path, '-ldflags', flags, `${MODULE}/cmd/temporal`], {
    cwd: join(__dirname, 'dev-server'),
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    limitMs: BUILD_LIMIT_MS,
    guardian,
    onProgress: (seconds) => log(`Building the Temporal CLI: ${seconds} s.`),
  });
  if (result.status === 0) return { path };
  if (result.errorCode === 'ENOENT') return { failure: 'Go is not installed' };
  if (/no space left/i.test(result.output)) return { failure: 'the disk is full' };
  return {
    failure: `go build: ${result.output.trim().split('\n').slice(-3).join(' ') || 'ended by a signal'}`,
  };
}

function findOnPath(program: string, env: NodeJS.ProcessEnv): string | null {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return null;
}
