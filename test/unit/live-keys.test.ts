// Live keys move real money: every process of the product refuses them without the switch, before it does anything else.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const PROJECT = path.join(__dirname, '../..');
const START_MS = 30_000;

/** Everything a process needs, at addresses where nothing answers: it must not get as far as asking. */
const ENVIRONMENT = {
  PATH: process.env['PATH'],
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  STRIPE_WEBHOOK_SECRETS: 'whsec_of_this_test',
  CHECKOUT_TOKEN_SECRET: 'token-secret-of-this-test',
  ADMIN_TOKEN: 'admin-token-of-this-test',
};

/** As `npm start` enters it. */
const SUPERVISOR =
  "require('./local/supervisor/main.ts').main({ root: process.cwd(), parentPid: process.ppid })";

const LIVE = { STRIPE_SECRET_KEY: 'sk_live_51Secret', STRIPE_PUBLISHABLE_KEY: 'pk_live_51Public' };

test.each([
  ['api/main.ts', LIVE, 'STRIPE_SECRET_KEY is a live key; set STRIPE_LIVE_MODE=on to use it'],
  ['worker/main.ts', LIVE, 'STRIPE_SECRET_KEY is a live key; set STRIPE_LIVE_MODE=on to use it'],
  ['npm start', LIVE, 'STRIPE_SECRET_KEY is a live key; set STRIPE_LIVE_MODE=on to use it'],
  [
    'worker/main.ts',
    { ...LIVE, STRIPE_SECRET_KEY: 'rk_live_51Secret' },
    'STRIPE_SECRET_KEY is a live key; set STRIPE_LIVE_MODE=on to use it',
  ],
  [
    'api/main.ts',
    { ...LIVE, STRIPE_SECRET_KEY: 'sk_test_51Secret' },
    'STRIPE_PUBLISHABLE_KEY must have the mode of STRIPE_SECRET_KEY',
  ],
])('%s refuses %j with one line, and repeats no key', (program, keys, line) => {
  const script = program === 'npm start' ? ['-e', SUPERVISOR] : [program];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...script], {
    cwd: PROJECT,
    env: { ...ENVIRONMENT, ...keys },
    encoding: 'utf8',
    timeout: START_MS,
  });
  expect(status).toBe(1);
  expect(stdout + stderr).toContain(line);
  expect(stdout + stderr).not.toMatch(/51Secret|51Public/);
});
