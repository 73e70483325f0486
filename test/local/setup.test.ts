// What the two commands do before anything is installed: they must work, or say in one line why not, on any machine.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { until } from '../support/until';

interface Preflight {
  nodeFault(version: string): string | null;
  describe(error: { code?: string; path?: string; stack?: string }): string;
}
interface Install {
  installError(words: string, status: number): { code?: string; stack: string };
  npmCommand(env: NodeJS.ProcessEnv, node: string): { program: string; args: string[] };
}
interface TestCommand {
  jestArguments(args: string[]): string[];
  closingLine(counts: { passed: number; failed: number; skipped: number }): string;
}

const SETUP = resolve(__dirname, '../../local/setup');
const preflight = require('../../local/setup/preflight.js') as Preflight;
const install = require('../../local/setup/install.js') as Install;
const testCommand = require('../../local/setup/test.js') as TestCommand;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['v20.19.0', true],
  ['v20.20.2', true],
  ['v22.0.0', true],
  ['v20.18.3', false],
  ['v18.20.0', false],
  ['v8.17.0', false],
])('Node %s is enough: %s', (version, isEnough) => {
  expect(preflight.nodeFault(version) === null).toBe(isEnough);
});

test.each(['start.js', 'test.js'])('%s on an old Node prints one line and ends with 1', (script) => {
  const pretend = `Object.defineProperty(process, 'version', { value: 'v18.20.0' }); require.main = undefined;`;
  const code = `${pretend} const path = ${JSON.stringify(join(SETUP, script))};
    process.argv[1] = path; require('module').runMain ? require('module').runMain(path) : require(path);`;
  const result = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  expect(result.stderr).toBe('Holdfast needs Node 20.19 or later. This is Node v18.20.0.\n');
  expect(result.status).toBe(1);
});

test.each(['start.js', 'test.js', 'install.js', 'preflight.js'])('%s is readable for Node 10', (script) => {
  const code = readFileSync(join(SETUP, script), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  expect(code).not.toMatch(/\?\.|\?\?|=>|`|\bconst\b|\blet\b|\bclass\b|async |await |'node:/);
});

test('what the system refuses is said in one line', () => {
  expect(preflight.describe({ code: 'ENOSPC' })).toBe(
    'The disk is full. Free some space, then run the same command again.',
  );
  expect(preflight.describe({ code: 'EACCES', path: '/x' })).toContain('No write access: /x');
  expect(install.installError('npm error code ENOSPC', 228).code).toBe('ENOSPC');
  expect(install.installError('npm error network down\nnpm error A complete log is in', 1).stack).toBe(
    'npm ci failed with exit code 1:\nnpm error network down',
  );
});

test('npm is the one that runs us, else the one on PATH', () => {
  const script = join(folder, 'npm-cli.js');
  writeFileSync(script, '');
  expect(install.npmCommand({ npm_execpath: script }, '/node')).toEqual({ program: '/node', args: [script] });
  expect(install.npmCommand({ npm_execpath: '/gone/npm-cli.js' }, '/node')).toEqual({
    program: 'npm',
    args: [],
  });
  expect(install.npmCommand({ npm_execpath: join(folder, 'yarn.js') }, '/node')).toEqual({
    program: 'npm',
    args: [],
  });
});

test('the arguments of npm test, and its closing line', () => {
  expect(testCommand.jestArguments([])).toEqual([]);
  expect(testCommand.jestArguments(['unit'])).toEqual(['--selectProjects', 'unit']);
  expect(testCommand.jestArguments(['db/reserve', '-t', 'x'])).toEqual(['db/reserve', '-t', 'x']);
  expect(testCommand.closingLine({ passed: 3, failed: 0, skipped: 1 })).toBe('3 passed, 0 failed, 1 skipped');
});

test('npm test -- PATTERN runs the files that match, ends with the count, and fails when there is none', () => {
  const env = { ...process.env, HOLDFAST_TEST_COUNT_FILE: '' };
  const pattern = (text: string) =>
    spawnSync(process.execPath, [join(SETUP, 'test.js'), text, '--selectProjects', 'unit'], {
      encoding: 'utf8',
      env,
    });
  const some = pattern('toolchain');
  expect(some.stdout.trim().split('\n').at(-1)).toMatch(/^[1-9]\d* passed, 0 failed, 0 skipped$/);
  expect(some.status).toBe(0);
  const none = pattern('no-such-file-anywhere');
  expect(none.stdout.trim().split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped');
  expect(none.status).toBe(1);
});

describe('the installation', () => {
  /** Counts its runs, waits for `go` beside package.json if `slow` is there, and fails if `fail` is there. */
  const FAKE_NPM = `
    const fs = require('fs');
    fs.appendFileSync('runs', process.argv.slice(2).join(' ') + '\\n');
    fs.rmSync('node_modules', { recursive: true, force: true });
    fs.mkdirSync('node_modules');
    const wait = () => fs.existsSync('slow') && !fs.existsSync('go') ? setTimeout(wait, 10) : finish();
    const finish = () => {
      if (fs.existsSync('fail')) { console.error('npm error ' + fs.readFileSync('fail')); process.exit(1); }
    };
    wait();`;

  beforeEach(() => {
    writeFileSync(join(folder, 'package-lock.json'), '{"version":1}');
    mkdirSync(join(folder, 'npm'));
    writeFileSync(join(folder, 'npm', 'npm-cli.js'), FAKE_NPM);
  });

  function installation() {
    const code = `require(${JSON.stringify(join(SETUP, 'install.js'))}).ensureInstalled(
      ${JSON.stringify(folder)}, console.log, (error) => {
        if (error) { console.error(require(${JSON.stringify(join(SETUP, 'preflight.js'))}).describe(error)); process.exit(1); }
      });`;
    const env = { ...process.env, npm_execpath: join(folder, 'npm', 'npm-cli.js') };
    const child = spawn(process.execPath, ['-e', code], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { child, ended, output: () => output };
  }
  const runs = () =>
    existsSync(join(folder, 'runs'))
      ? readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length
      : 0;

  test('runs when missing, not when done, and again when the lock file changed', async () => {
    expect(await installation().ended).toBe(0);
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toContain('ci --no-audit --no-fund --include=dev');
    expect(await installation().ended).toBe(0);
    expect(runs()).toBe(1);
    writeFileSync(join(folder, 'package-lock.json'), '{"version":2}');
    expect(await installation().ended).toBe(0);
    expect(runs()).toBe(2);
  });

  test('two at once install once', async () => {
    writeFileSync(join(folder, 'slow'), '');
    const first = installation();
    await until('the first to install', async () => runs() === 1);
    const second = installation();
    await until('the second to wait', async () => second.output().includes('waiting for it'));
    writeFileSync(join(folder, 'go'), '');
    expect([await first.ended, await second.ended]).toEqual([0, 0]);
    expect(runs()).toBe(1);
  });

  test('one that is stopped ends npm and is done again', async () => {
    writeFileSync(join(folder, 'slow'), '');
    const stopped = installation();
    await until('npm to run', async () => runs() === 1);
    stopped.child.kill('SIGTERM');
    expect(await stopped.ended).toBe(1);
    writeFileSync(join(folder, 'go'), '');
    expect(await installation().ended).toBe(0);
    expect(runs()).toBe(2);
  });

  test('a full disk and a failure of npm are said clearly, and nothing counts as installed', async () => {
    writeFileSync(join(folder, 'fail'), 'ENOSPC: no space left on device');
    const full = installation();
    expect(await full.ended).toBe(1);
    expect(full.output()).toContain('The disk is full.');
    writeFileSync(join(folder, 'fail'), 'code E503');
    const refused = installation();
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain('npm ci failed with exit code 1:\nnpm error code E503');
    rmSync(join(folder, 'fail'));
    expect(await installation().ended).toBe(0);
  });
});

test('npm passes a SIGTERM on to what `npm start` runs: the script begins with exec', () => {
  const { scripts } = JSON.parse(readFileSync(resolve(__dirname, '../../package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(scripts['start']).toBe('exec node local/setup/start.js');
  expect(scripts['test']).toBe('exec node local/setup/test.js');
});

test('.ci/run is executable, runs npm test and ends with its exit code', () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npm'), '#!/bin/sh\necho "npm $*"\necho "1 passed, 1 failed, 0 skipped"\nexit 1\n');
  chmodSync(join(bin, 'npm'), 0o755);
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  const result = spawnSync(resolve(__dirname, '../../.ci/run'), { encoding: 'utf8', env });
  expect(result.stdout.trim().split('\n')).toEqual(['npm test --silent', '1 passed, 1 failed, 0 skipped']);
  expect(result.status).toBe(1);
  expect(execFileSync('bash', ['-n', resolve(__dirname, '../../.ci/run')], { encoding: 'utf8' })).toBe('');
});

test('the lock file names the optional packages of every platform: without them `npm ci` refuses it', () => {
  const { missingEntries } = require('../../local/setup/complete-lock.js') as {
    missingEntries(packages: object): [string, object][];
  };
  const lock = JSON.parse(readFileSync(resolve(__dirname, '../../package-lock.json'), 'utf8')) as {
    packages: object;
  };
  expect(missingEntries(lock.packages)).toEqual([]);
});
