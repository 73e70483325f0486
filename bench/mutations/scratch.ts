// A copy of the project to break, and the tests run in it.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const PROJECT = resolve(__dirname, '../..');
const COPIED = [
  'contracts',
  'db',
  'local',
  'platform',
  'test',
  'jest.config.js',
  'package.json',
  'tsconfig.json',
];
const PLANTED_FILE = 'db/migrations/9999_planted.sql';
/** The slowest named test takes seconds; one that hangs because of its fault is cut off by its own timeout before this. */
const RUN_MAX_MS = 180_000;

/** The db project as it is, on a server that runs already. */
const JEST_CONFIG = `'use strict';
const { globalSetup, globalTeardown, ...project } = require('./jest.config.js').projects.find((one) => one.displayName === 'db');
module.exports = project;
`;

export interface Scratch {
  folder: string;
  schema: string;
  /** Null: as it is. */
  plant(migration: string | null): void;
  remove(): void;
}

export function createScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mutations-'));
  chmodSync(folder, 0o711); // PostgreSQL's user must get through
  for (const name of COPIED) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  writeFileSync(join(folder, 'jest.scratch.js'), JEST_CONFIG);
  return {
    folder,
    schema: readFileSync(join(folder, 'db/schema.sql'), 'utf8'),
    plant: (migration) => {
      rmSync(join(folder, PLANTED_FILE), { force: true });
      if (migration !== null) writeFileSync(join(folder, PLANTED_FILE), migration);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Verdict {
  status: 'passed' | 'failed' | 'missing';
  /** The first line of why it failed. */
  why: string;
}

interface JestReport {
  testResults: {
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/** Runs that test alone. Missing: there is none of that name, or the run broke before it could tell. */
export async function runTest(
  folder: string,
  postgresUrl: string,
  { file, test }: { file: string; test: string },
): Promise<Verdict> {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const pattern = `^${test.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`;
  const jest = join(PROJECT, 'node_modules/jest/bin/jest.js');
  const args = [jest, '--config', 'jest.scratch.js', '--runInBand', '--json', '--outputFile', report];
  const output = await runToEnd(
    [...args, '-t', pattern, '--runTestsByPath', join('test/db', file)],
    folder,
    postgresUrl,
  );
  if (!existsSync(report)) return { status: 'missing', why: lastLine(output) };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as JestReport;
  const results = testResults.flatMap((one) => one.assertionResults);
  const result = results.find((one) => one.fullName === test && /passed|failed/.test(one.status));
  if (result === undefined) return { status: 'missing', why: lastLine(testResults[0]?.message ?? output) };
  const isPassed = result.status === 'passed';
  return { status: isPassed ? 'passed' : 'failed', why: plain(result.failureMessages[0] ?? '') };
}

async function runToEnd(args: readonly string[], cwd: string, postgresUrl: string): Promise<string> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, HOLDFAST_TEST_POSTGRES_URL: postgresUrl, FORCE_COLOR: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: RUN_MAX_MS,
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-8_000)));
  await new Promise<void>((done, fail) => {
    child.once('error', fail);
    child.once('close', () => done());
  });
  return output;
}

function plain(message: string): string {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .map((line) => line.trim());
  const told = lines.filter((line) => line !== '' && !line.startsWith('at '));
  return told.slice(0, 4).join(' ').slice(0, 110);
}

function lastLine(text: string): string {
  return plain(text.trim().split('\n').slice(-1)[0] ?? '');
}
