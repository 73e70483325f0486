// Buying at a running stack, and the evidence of it: what tests of real processes have in common.
import { findBrokenInvariants } from './invariants';
import { postJson, readLedger, type LedgerPayment } from './ledger';
import { payInBrowser, type CheckoutBody, type CreateBody } from './shop';
import { isAlive, type Stack } from './stack';
import { until } from './until';

const REACH_MS = 90_000;

/** @param current answers the stack, which a test may have started anew. */
export function shopAt(current: () => Stack) {
  const simulator = () => current().file().stripe_simulator;
  return {
    /** A product of the demo drop with so many units, without a limit per customer. */
    async addProduct(units = 1): Promise<string> {
      const { rows } = await current().pool.query<{ id: string }>(
        `insert into drop_products (id, drop_id, name, unit_price_minor, total_inventory)
         select gen_random_uuid(), id, 'Test product', 2500, $1 from drops limit 1 returning id`,
        [units],
      );
      return rows[0]?.id ?? '';
    },

    open: (productId: string): Promise<CreateBody> =>
      current().shop.open([{ drop_product_id: productId, quantity: 1 }]),

    pay: (checkout: CreateBody, method?: string) =>
      payInBrowser(simulator(), current().file().publishable_key, checkout, method),

    reach: (checkout: CreateBody, status: string, timeoutMs = REACH_MS): Promise<CheckoutBody> =>
      until(
        `checkout to be ${status}`,
        async () => {
          const body = await current().shop.read(checkout);
          return body.status === status ? body : null;
        },
        timeoutMs,
      ),

    async paymentOf(checkout: CreateBody): Promise<LedgerPayment> {
      const { payment_intents: payments } = await readLedger(simulator());
      const payment = payments.find(({ id }) => id === checkout.payment_intent_id);
      if (payment === undefined) throw new Error('the ledger does not know the payment');
      return payment;
    },

    /** What the simulator does with events from now on. */
    webhooks: (mode: 'deliver' | 'drop' | 'hold') => postJson(`${simulator()}/_simulator/webhooks`, { mode }),

    async brokenInvariants(): Promise<string[]> {
      const { rows } = await current().pool.query<{ holdfast_env: string }>(
        'select holdfast_env from installation',
      );
      return findBrokenInvariants({
        pool: current().pool,
        simulatorUrl: simulator(),
        holdfastEnv: rows[0]?.holdfast_env ?? '',
      });
    },

    /** kill -9, and gone; the supervisor starts it again. */
    async kill(part: 'api' | 'worker' | 'temporal'): Promise<void> {
      const pid = current().file().pids[part];
      process.kill(pid, 'SIGKILL');
      await until(`the ${part} to be gone`, () => Promise.resolve(!isAlive(pid)));
    },
  };
}
