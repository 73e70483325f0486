// Where the Temporal servers come from: the order of the ways, the cache that two may fill at once, and the words when no way works.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { resolveTemporalCli } from '../../local/temporal/resolve-cli';
import type { ResolveOptions } from '../../local/temporal/resolve-cli';
import { resolveTimeSkippingServer, wrapperScript } from '../../local/temporal/test-server';
import { cacheOnce } from '../../local/temporal/user-cache';
import { CLI_VERSION, TEST_SERVER_VERSION } from '../../local/temporal/versions';
import { run } from '../../local/processes/run';

let folder: string;
let lines: string[];
const log = (line: string) => lines.push(line);
const cacheHome = process.env['XDG_CACHE_HOME'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast temporal-'));
  lines = [];
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
});
afterEach(() => {
  if (cacheHome === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cacheHome;
  rmSync(folder, { recursive: true, force: true });
});

/** A program that reports a version the way the Temporal CLI does. */
function fakeCli(name: string, cli: string, server: string): string {
  const bin = join(folder, name);
  mkdirSync(bin, { recursive: true });
  const path = join(bin, 'temporal');
  writeFileSync(path, `#!/bin/sh\necho "temporal version ${cli} (Server ${server}, UI 2.50.1)"\n`);
  chmodSync(path, 0o755);
  return path;
}

const refused = (failure: string) => async () => ({ failure });
function fills(name: string): NonNullable<ResolveOptions['download']> {
  return async (draft) => {
    writeFileSync(join(draft, name), name);
    return { path: join(draft, name) };
  };
}
const never: ResolveOptions['download'] = async () => {
  throw new Error('this way must not be tried');
};

test('TEMPORAL_CLI_PATH comes first, whatever its version; one that is no CLI is refused', async () => {
  const path = fakeCli('own', '9.9.9', '9.9.9');
  const env = { TEMPORAL_CLI_PATH: path, PATH: join(folder, 'own') };
  const cli = await resolveTemporalCli({ log, env, download: never, build: never });
  expect(cli).toEqual({ path, way: 'TEMPORAL_CLI_PATH', why: 'CLI 9.9.9, server 9.9.9' });
  const wrong = { TEMPORAL_CLI_PATH: '/bin/true' };
  await expect(resolveTemporalCli({ log, env: wrong, download: never, build: never })).rejects.toThrow(
    'TEMPORAL_CLI_PATH names /bin/true, which is not a Temporal CLI',
  );
});

test.each([
  [CLI_VERSION, '1.31.2'],
  ['1.8.0', '1.31.0'],
])('a CLI %s with server %s on PATH is taken', async (version, server) => {
  const path = fakeCli('bin', version, server);
  const env = { PATH: `/nowhere:${join(folder, 'bin')}` };
  expect(await resolveTemporalCli({ log, env, download: never, build: never })).toMatchObject({
    path,
    way: 'PATH',
  });
});

test('another version on PATH is not: the download comes next, and then the cache', async () => {
  fakeCli('bin', '1.5.1', '1.29.1');
  const env = { PATH: join(folder, 'bin') };
  const cli = await resolveTemporalCli({ log, env, download: fills('downloaded'), build: never });
  expect(cli.way).toBe('download');
  expect(cli.why).toContain('does not fit (server 1.29.1, needed 1.31.2)');
  expect(readFileSync(cli.path, 'utf8')).toBe('downloaded');
  expect(await resolveTemporalCli({ log, env, download: never, build: never })).toMatchObject({
    path: cli.path,
    way: 'cache',
  });
});

test('no download: it is built, and the reason is told before the minutes begin', async () => {
  const build = async (draft: string) => {
    expect(lines.join('\n')).toContain('no download (nothing arrived within 10 s)');
    return fills('built')(draft);
  };
  const cli = await resolveTemporalCli({
    log,
    env: {},
    download: refused('nothing arrived within 10 s'),
    build,
  });
  expect(cli).toMatchObject({ way: 'build', why: expect.stringContaining('nothing arrived within 10 s') });
});

test('no way at all: the message names what was tried and the ways out, and the cache stays empty', async () => {
  const options = { log, env: {}, download: refused('host unknown'), build: refused('Go is not installed') };
  const failure = resolveTemporalCli(options);
  await expect(failure).rejects.toThrow(
    /no "temporal" on PATH; no download \(host unknown\); no build \(Go is not installed\).*TEMPORAL_CLI_PATH.*install Go.*TEMPORAL_ADDRESS/,
  );
  expect(readdirSync(join(folder, 'cache', 'holdfast'))).toEqual([]);
  await expect(
    resolveTimeSkippingServer({
      log,
      download: refused('host unknown'),
      build: refused('Maven is not installed'),
    }),
  ).rejects.toThrow(/no download \(host unknown\); no Maven build \(Maven is not installed\).*JDK/);
});

test('two at once make an entry once, and nobody sees half of it', async () => {
  let made = 0;
  const make = async (draft: string) => {
    made += 1;
    expect(existsSync(join(folder, 'cache', 'holdfast', 'entry'))).toBe(false);
    const path = join(draft, 'half');
    writeFileSync(path, 'x'.repeat(1_000_000));
    return path;
  };
  const [first, second] = await Promise.all([cacheOnce('entry', make, log), cacheOnce('entry', make, log)]);
  expect(made).toBe(1);
  expect(first).toBe(second);
  expect(readdirSync(join(folder, 'cache', 'holdfast'))).toEqual(['entry']);
});

test('a maker that died or failed leaves nothing that blocks the next', async () => {
  mkdirSync(join(folder, 'cache', 'holdfast'), { recursive: true });
  const lock = join(folder, 'cache', 'holdfast', 'entry.lock');
  writeFileSync(lock, JSON.stringify({ pid: process.pid, startedAt: 'long ago' })); // this pid, but another process
  const failing = async () => {
    throw new Error('half way');
  };
  await expect(cacheOnce('entry', failing, log)).rejects.toThrow('half way');
  const path = await cacheOnce(
    'entry',
    async (draft) => ((await fills('made')(draft)) as { path: string }).path,
    log,
  );
  expect(path && readFileSync(path, 'utf8')).toBe('made');
});

test("the test server's wrapper passes everything on to Java, in a path with spaces, without a process between", async () => {
  const home = join(folder, 'java home');
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(
    join(home, 'bin', 'java'),
    '#!/bin/sh\necho "$$"\nfor word in "$@"; do echo "<$word>"; done\n',
  );
  chmodSync(join(home, 'bin', 'java'), 0o755);
  const wrapper = join(folder, 'temporal-test-server');
  writeFileSync(
    wrapper,
    wrapperScript().replace('exec ', () => 'echo "$$"\nexec '),
  );
  chmodSync(wrapper, 0o755);
  const { output } = await run(wrapper, ['7777'], {
    limitMs: 10_000,
    env: { PATH: process.env['PATH'], JAVA_HOME: home },
  });
  const [shellPid, javaPid, ...words] = output.trim().split('\n');
  expect(javaPid).toBe(shellPid);
  expect(words).toEqual(
    expect.arrayContaining([`<${folder}/lib/*>`, '<io.temporal.testserver.TestServer>', '<7777>']),
  );
});

test('the versions are named in one way everywhere', () => {
  const local = resolve(__dirname, '../../local/temporal');
  const goMod = readFileSync(join(local, 'dev-server', 'go.mod'), 'utf8');
  expect(goMod).toContain(`github.com/temporalio/cli v${CLI_VERSION} `);
  const pom = readFileSync(join(local, 'test-server', 'pom.xml'), 'utf8');
  expect(pom).toContain(
    `<artifactId>temporal-test-server</artifactId>\n      <version>${TEST_SERVER_VERSION}<`,
  );
});
