// What goes over the wire, in and out, as schemas: validation, types and docs/openapi.json come from them.
import { z } from 'zod';

import { CHECKOUT_STATUSES } from '../contracts/statuses';

export const LINES_MAX = 50;
export const QUANTITY_MAX = 1_000;

const uuid = () => z.guid().transform((id) => id.toLowerCase());
const minorUnits = () => z.int().nonnegative().describe('In the currency’s minor unit.');
const timestamp = () => z.string().meta({ format: 'date-time' });

export const checkoutIdParameter = uuid();
export const dropIdParameter = uuid();

export const idempotencyKeyHeader = z
  .string()
  .regex(/^[\x20-\x7e]{16,255}$/, 'must be 16 to 255 printable ASCII characters')
  .describe('Chosen by the buyer’s side once per order and kept secret: whoever has it has the checkout.');

export const createIntentBody = z
  .strictObject({
    items: z
      .array(z.strictObject({ drop_product_id: uuid(), quantity: z.int().min(1).max(QUANTITY_MAX) }))
      .min(1)
      .max(LINES_MAX)
      .refine(
        (lines) => quantitiesPerProduct(lines).every((quantity) => quantity <= QUANTITY_MAX),
        `at most ${QUANTITY_MAX} units of one product`,
      ),
    customer_id: z
      .string()
      .describe('The shop’s opaque id of the buyer, vouched for by its server; never an e-mail address.')
      .optional(),
  })
  .meta({ title: 'CreateIntentRequest' });

/** Opaque: printable ASCII without spaces. Something with an @ inside is an address of a person, which stays out. */
export const customerIdRule = z.string().regex(/^(?!.+@.)[\x21-\x7e]{1,200}$/);

function quantitiesPerProduct(lines: readonly { drop_product_id: string; quantity: number }[]): number[] {
  const sums = new Map<string, number>();
  for (const line of lines)
    sums.set(line.drop_product_id, (sums.get(line.drop_product_id) ?? 0) + line.quantity);
  return [...sums.values()];
}

const checkoutStatus = z.enum(CHECKOUT_STATUSES);

export const createIntentAnswer = z
  .object({
    checkout_id: z.guid(),
    checkout_token: z.string().describe('Bearer token of the checkout’s own routes.'),
    status: checkoutStatus,
    payment_intent_id: z.string().nullable(),
    client_secret: z
      .string()
      .nullable()
      .describe('For Stripe.js. Null when there is nothing to pay (any more) or Stripe cannot be read now.'),
    reservation_ids: z.array(z.guid()),
    amount: minorUnits().nullable(),
    currency: z.string().nullable(),
    expires_at: timestamp().nullable(),
    seconds_left: z.int().nonnegative(),
  })
  .meta({ title: 'CreateIntentAnswer' });

export const checkoutAnswer = z
  .object({
    checkout_id: z.guid(),
    status: checkoutStatus,
    failure_code: z.string().nullable(),
    message: z.string().describe('The status in the buyer’s words.'),
    payment_intent_id: z.string().nullable(),
    reservation_ids: z.array(z.guid()),
    items: z.array(z.object({ drop_product_id: z.guid(), quantity: z.int() })),
    amount: minorUnits().nullable(),
    currency: z.string().nullable(),
    expires_at: timestamp().nullable(),
    seconds_left: z.int().nonnegative(),
    is_payable: z.boolean(),
    attempts: z.int().nonnegative(),
    last_decline: z
      .object({ code: z.string().nullable(), message: z.string() })
      .nullable()
      .describe('In words a buyer may read; why the bank refused stays out.'),
    order_id: z.guid().nullable(),
    refund: z.object({ state: z.string(), amount: minorUnits() }).nullable(),
  })
  .meta({ title: 'Checkout' });

export const paymentAnswer = z
  .object({ payment_intent_id: z.string(), client_secret: z.string() })
  .meta({ title: 'Payment' });

export const cancelAnswer = z
  .object({ checkout_id: z.guid(), status: checkoutStatus })
  .meta({ title: 'CancelAnswer' });

export const dropAnswer = z
  .object({
    id: z.guid(),
    name: z.string(),
    currency: z.string(),
    opens_at: timestamp(),
    closes_at: timestamp().nullable(),
    products: z.array(
      z.object({
        id: z.guid(),
        name: z.string(),
        unit_price: minorUnits(),
        total: z.int().nonnegative(),
        available: z.int().nonnegative(),
        max_per_customer: z.int().nullable(),
      }),
    ),
  })
  .meta({ title: 'Drop' });

export const dropsAnswer = z.object({ drops: z.array(dropAnswer) }).meta({ title: 'Drops' });

export const webhookAnswer = z.object({ received: z.literal(true) }).meta({ title: 'WebhookAnswer' });

export const cleanupAnswer = z
  .object({
    released: z.int().nonnegative(),
    duration_ms: z.int().nonnegative(),
    more: z.boolean().describe('Stopped at the limit of one call; there is more to release.'),
  })
  .meta({ title: 'CleanupAnswer' });

export const maintenanceHealthAnswer = z
  .object({
    status: z.enum(['ok', 'overdue']),
    last_success_at: timestamp().nullable(),
    runs_24h: z.int().nonnegative(),
    success_rate_24h: z.number().min(0).max(1).nullable().describe('Null: there was no run.'),
    inventory_drift: z
      .int()
      .nonnegative()
      .nullable()
      .describe('Contradictions the last audit of the stock found; null before the first.'),
  })
  .meta({ title: 'MaintenanceHealth' });

export const configAnswer = z
  .object({
    mode: z.enum(['simulator', 'test', 'live']),
    publishable_key: z.string(),
    stripe_api_base: z.string().optional(),
    payment_window_seconds: z.int(),
  })
  .meta({ title: 'PageConfig' });

export const healthAnswer = z.object({ status: z.literal('ok') }).meta({ title: 'Health' });

export const readyAnswer = z
  .object({
    status: z.enum(['ready', 'unavailable']),
    postgresql: z.enum(['ok', 'unavailable']),
    temporal: z.enum(['ok', 'unavailable']),
  })
  .meta({ title: 'Readiness' });

export type CreateIntentAnswer = z.infer<typeof createIntentAnswer>;
export type CheckoutAnswer = z.infer<typeof checkoutAnswer>;
export type DropAnswer = z.infer<typeof dropAnswer>;
export type MaintenanceHealthAnswer = z.infer<typeof maintenanceHealthAnswer>;
export type ReadyAnswer = z.infer<typeof readyAnswer>;
