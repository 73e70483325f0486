// Finds or makes the time-skipping test server: the SDK's download, else its Java original by way of Maven.
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { choosePort } from '../processes/ports';
import { run } from '../processes/run';
import { downloadServer } from './download';
import type { DownloadResult } from './download';
import { cacheOnce } from './user-cache';
import { TEST_SERVER_VERSION } from './versions';

export interface TestServerOptions {
  log: (line: string) => void;
  guardian?: Guardian;
  /** Replaced in tests, which reach no download host. */
  download?: (draft: string) => Promise<DownloadResult>;
  build?: (draft: string) => Promise<DownloadResult>;
}

const CACHE_NAME = `temporal-test-server-${TEST_SERVER_VERSION}-${platform()}-${arch()}`;
const PROGRAM = 'temporal-test-server';
const MAVEN_LIMIT_MS = 15 * 60_000;
const WARM_UP_LIMIT_MS = 60_000;
const MAIN_CLASS = 'io.temporal.testserver.TestServer';

/**
 * The path of an executable that takes a port as its only argument. It has been started once already: the SDK gives it five
 * seconds, which the first start from a cold disk may miss (facts: temporalio sdk-core, ephemeral_server).
 * @throws SetupError that says what was tried and what a person can do; a suite that needs it must fail then, not skip
 */
export async function resolveTimeSkippingServer(options: TestServerOptions): Promise<string> {
  const { log } = options;
  const download = options.download ?? ((folder) => downloadTestServer(folder, options));
  const build = options.build ?? ((folder) => buildWithMaven(folder, options));
  const reasons: string[] = [];
  const entry = await cacheOnce(
    CACHE_NAME,
    async (draft) => {
      const downloaded = await download(draft);
      if ('path' in downloaded) return draft;
      reasons.push(`no download (${downloaded.failure})`);
      log(`Time-skipping test server ${TEST_SERVER_VERSION}: ${reasons.join('; ')}.`);
      const built = await build(draft);
      if ('path' in built) return draft;
      reasons.push(`no Maven build (${built.failure})`);
      return null;
    },
    log,
  );
  if (!entry)
    throw new SetupError(
      `There is no time-skipping test server ${TEST_SERVER_VERSION} to be had here: ${reasons.join('; ')}. ` +
        'Install a JDK (11 or later) and Maven, which bring it, or run once on a network that allows the download.',
    );
  const program = join(entry, PROGRAM);
  await warmUp(program, options.guardian);
  return program;
}

async function downloadTestServer(
  folder: string,
  { log, guardian }: TestServerOptions,
): Promise<DownloadResult> {
  log(`Looking for a download of the time-skipping test server ${TEST_SERVER_VERSION}.`);
  const version = `v${TEST_SERVER_VERSION}`;
  const result = await downloadServer({ kind: 'time-skipping', version, folder, log, guardian });
  if ('path' in result) renameSync(result.path, join(folder, PROGRAM));
  return result;
}

async function buildWithMaven(folder: string, { log, guardian }: TestServerOptions): Promise<DownloadResult> {
  log('Getting the time-skipping test server from Maven, once for this user.');
  const java = await run(javaProgram(), ['-version'], { limitMs: 30_000 });
  if (java.status !== 0) return { failure: 'Java is not installed' };
  const result = await run(
    'mvn',
    [
      '--batch-mode',
      '--quiet',
      `--file=${join(__dirname, 'test-server', 'pom.xml')}`,
      'dependency:copy-dependencies',
      `-DoutputDirectory=${join(folder, 'lib')}`,
    ],
    {
      limitMs: MAVEN_LIMIT_MS,
      guardian,
      onProgress: (seconds) => log(`Getting the time-skipping test server: ${seconds} s.`),
    },
  );
  if (result.errorCode === 'ENOENT') return { failure: 'Maven is not installed' };
  if (result.status !== 0)
    return { failure: `mvn: ${result.output.trim().split('\n')[0] ?? 'ended by a signal'}` };
  const path = join(folder, PROGRAM);
  writeFileSync(path, wrapperScript());
  chmodSync(path, 0o755);
  return { path };
}

/**
 * `exec`, because the SDK ends its server by SIGKILL of the one pid it knows. The serial collector and the first compiler
 * alone halve the time to the first answer. Quoted throughout: a home folder may hold spaces.
 */
export function wrapperScript(): string {
  return [
    '#!/bin/sh',
    'java="${JAVA_HOME:+$JAVA_HOME/bin/}java"',
    `exec "$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "\${0%/*}/lib/*" ${MAIN_CLASS} "$@"`,
    '',
  ].join('\n');
}

function javaProgram(): string {
  const home = process.env['JAVA_HOME'];
  return home ? join(home, 'bin', 'java') : 'java';
}

async function warmUp(program: string, guardian: Guardian | undefined): Promise<void> {
  const port = await choosePort(0, '');
  const enough = new AbortController();
  let ended = false;
  const running = run(program, [String(port)], {
    limitMs: WARM_UP_LIMIT_MS,
    signal: enough.signal,
    guardian,
  });
  void running.then(() => (ended = true));
  let answered = false;
  while (!ended && !answered) {
    await delay(100);
    answered = await answers(`127.0.0.1:${port}`);
  }
  enough.abort();
  const { output } = await running;
  if (!answered)
    throw new SetupError(`The time-skipping test server ${program} does not start: ${output.trim()}`);
}

async function answers(address: string): Promise<boolean> {
  try {
    await (await Connection.connect({ address, connectTimeout: 1_000 })).close();
    return true;
  } catch {
    return false;
  }
}
