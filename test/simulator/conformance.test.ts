// The conformance suite against the simulator, claim by claim; and `npm run test:stripe` as a process, against a simulator
// that plays Stripe.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Budget } from '../conformance/conversation';
import { SIMULATOR_ONLY } from '../conformance/simulator-only';
import { CLAIMS, LIMITS, runClaim } from '../conformance/suite';
import type { Target } from '../conformance/target';
import { startTestSimulator } from './support';
import type { TestSimulator } from './support';

const PROJECT = path.join(__dirname, '../..');

let simulator: TestSimulator;
let target: Target;
beforeAll(async () => {
  simulator = await startTestSimulator();
  target = {
    secretKey: 'sk_test_simulator',
    publishableKey: 'pk_test_simulator',
    apiBase: simulator.url,
    hurry: async () => {
      await simulator.control('POST', 'clock', { advance_seconds: 5 });
    },
  };
});
afterAll(() => simulator.close());

test.each(CLAIMS.map((claim) => [claim.id, claim.says, claim] as const))(
  '%s: %s',
  async (_id, _says, claim) => {
    const { verdict, why, left } = await runClaim(claim, target, new Budget(LIMITS));
    expect({ verdict, why, left }).toEqual({ verdict: 'pass', why: '', left: [] });
  },
);

test('claims have ids of their own, and what is simulator only names a test that exists', () => {
  expect(new Set(CLAIMS.map(({ id }) => id)).size).toBe(CLAIMS.length);
  for (const { shownBy } of SIMULATOR_ONLY) {
    expect([shownBy, existsSync(path.join(__dirname, `${shownBy}.test.ts`))]).toEqual([shownBy, true]);
  }
});

test('docs/stripe-simulator.md lists what was checked on the simulator only', () => {
  const docs = readFileSync(path.join(PROJECT, 'docs/stripe-simulator.md'), 'utf8');
  const [, table = ''] = docs.split('| only on the simulator');
  const rows = [...table.matchAll(/^\| (.+?) +\| `(.+?)` +\|$/gm)].map(([, says, shownBy]) => ({
    says,
    shownBy,
  }));
  expect(rows).toEqual(SIMULATOR_ONLY);
});

interface Run {
  status: number | null;
  output: string;
}

/** `npm run test:stripe` with exactly these variables. */
function runSuite(env: Record<string, string>, wanted: string[] = []): Promise<Run> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/conformance/main.ts', ...wanted], {
    cwd: PROJECT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, output })));
}

const TEST_KEY = { STRIPE_SECRET_KEY: 'sk_test_simulator' };

describe('npm run test:stripe', () => {
  test('says of each claim what came of it, closes what it opened, and stays within its bounds', async () => {
    const stripe = await startTestSimulator();
    // At Stripe, refunds and disputes take their time; here it passes faster.
    const hurry = setInterval(() => void stripe.control('POST', 'clock', { advance_seconds: 5 }), 500);
    try {
      const { status, output } = await runSuite({
        ...TEST_KEY,
        STRIPE_PUBLISHABLE_KEY: 'pk_test_simulator',
        STRIPE_API_BASE: stripe.url,
      });
      expect([status, output.match(/^FAIL.*$/gm)]).toEqual([0, null]);
      expect(output.match(/^pass /gm)).toHaveLength(CLAIMS.length);
      expect(output.match(/^simulator only /gm)).toHaveLength(SIMULATOR_ONLY.length);
      expect(output).toContain(`${CLAIMS.length} passed, 0 failed, 0 skipped`);
      const { payment_intents: lines } = await stripe.control('GET', 'ledger');
      const open = lines.filter(({ status: at }) => !['succeeded', 'canceled', 'processing'].includes(at));
      expect(open).toEqual([]);
      expect(lines.filter(({ amount }) => amount > 100)).toEqual([]);
      expect((await stripe.stripe.webhookEndpoints.list()).data).toEqual([]);
      expect(Number(/(\d+) calls\.$/m.exec(output)?.[1])).toBeLessThan(LIMITS.callsMax / 2);
    } finally {
      clearInterval(hurry);
      await stripe.close();
    }
  });

  test('fails, and says which claim, when Stripe does something else', async () => {
    const stripe = await startTestSimulator();
    try {
      const answer = { status: 400, code: 'something_new' };
      await stripe.control('POST', 'faults', {
        operation: 'payment_intents.capture',
        times: 100,
        effect: 'none',
        reply: answer,
      });
      const { status, output } = await runSuite({ ...TEST_KEY, STRIPE_API_BASE: stripe.url }, [
        'end',
        'access',
      ]);
      expect(status).toBe(1);
      expect(output).toMatch(/^FAIL +end-\d+ +a second capture is refused/m);
      expect(output).toMatch(/^FAIL +end-\d+ +a manual capture holds the money first\n.*something_new/m);
      expect(output).toMatch(/^skipped +access-\d+ +a browser confirms.*\n.*STRIPE_PUBLISHABLE_KEY/m);
    } finally {
      await stripe.close();
    }
  });

  test.each([
    ['no key', {}, 'Set STRIPE_SECRET_KEY=sk_test_'],
    ['a live key', { STRIPE_SECRET_KEY: 'sk_live_51Secret' }, 'Live keys are refused'],
    ['a restricted live key', { STRIPE_SECRET_KEY: 'rk_live_51Secret' }, 'Live keys are refused'],
    [
      'a live publishable key',
      { ...TEST_KEY, STRIPE_PUBLISHABLE_KEY: 'pk_live_51Public' },
      'Live keys are refused',
    ],
    [
      'a publishable key as the secret one',
      { STRIPE_SECRET_KEY: 'pk_test_1' },
      'Set STRIPE_SECRET_KEY=sk_test_',
    ],
    [
      'a live key beside the switch',
      { STRIPE_SECRET_KEY: 'sk_live_51Secret', STRIPE_LIVE_MODE: 'on' },
      'Live keys',
    ],
    ['an address that is none', { ...TEST_KEY, STRIPE_API_BASE: 'nowhere' }, 'STRIPE_API_BASE must be a URL'],
  ])('refuses %s and calls nobody', async (_what, env, reason) => {
    const { status, output } = await runSuite({ STRIPE_API_BASE: simulator.url, ...env });
    expect(status).toBe(2);
    expect(output).toContain(reason);
    expect(output).not.toMatch(/51Secret|51Public/);
  });
});
