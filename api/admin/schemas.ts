// What operators send and read, as schemas.
import { z } from 'zod';

import {
  EXTENSION_SECONDS_MAX,
  OPERATION_ACTIONS,
  OPERATION_REFUSALS,
  RESTOCK_UNITS_MAX,
} from '../../contracts/operations';
import { CHECKOUT_STATUSES } from '../../contracts/statuses';
import { LINES_MAX, QUANTITY_MAX } from '../schemas';

const uuid = () => z.guid().transform((id) => id.toLowerCase());
const timestamp = () => z.string().meta({ format: 'date-time' });
const minorUnits = () => z.int().nonnegative().describe('In the currency’s minor unit.');
const AMOUNT_MAX = 99_999_999_999;

export const operationKeyHeader = z
  .string()
  .regex(/^[\x20-\x7e]{16,255}$/, 'must be 16 to 255 printable ASCII characters')
  .describe('Chosen once per intention: under one key an operation happens once, and answers again.');

/** Opaque, as a customer_id is: something with an @ inside is an address of a person, which stays out. */
export const operatorRule = z.string().regex(/^(?!.+@.)[\x21-\x7e]{1,100}$/);

const who = {
  operator: z.string().describe('The operator’s opaque name; never an e-mail address.'),
  reason: z
    .string()
    .regex(/^(?=.*\S)[^\p{Cc}\p{Cs}]{1,500}$/u, 'must be 1 to 500 characters on one line')
    .describe('Why, for the record. Nothing personal about a buyer.'),
};

export const operatorBody = z.strictObject(who).meta({ title: 'OperatorRequest' });

export const extendBody = z
  .strictObject({ ...who, seconds: z.int().min(1).max(EXTENSION_SECONDS_MAX) })
  .meta({ title: 'ExtendRequest' });

export const refundBody = z
  .strictObject({
    ...who,
    amount: z
      .int()
      .min(1)
      .max(AMOUNT_MAX)
      .nullable()
      .optional()
      .describe('Null or absent: all that is left.'),
    returned_lines: z
      .union([
        z.literal('all'),
        z
          .array(z.strictObject({ drop_product_id: uuid(), quantity: z.int().min(1).max(QUANTITY_MAX) }))
          .max(LINES_MAX),
      ])
      .optional()
      .describe('Units that go back on sale once the money is back; absent: none.'),
  })
  .meta({ title: 'RefundRequest' });

export const replayBody = z
  .strictObject({ ...who, event_id: z.string().regex(/^[\x21-\x7e]{1,255}$/) })
  .meta({ title: 'ReplayRequest' });

export const restockBody = z
  .strictObject({
    ...who,
    units: z
      .int()
      .min(-RESTOCK_UNITS_MAX)
      .max(RESTOCK_UNITS_MAX)
      .refine((units) => units !== 0, 'must not be 0')
      .describe('Positive: put on sale. Negative: free units taken off it.'),
  })
  .meta({ title: 'RestockRequest' });

const anyObject = () => z.record(z.string(), z.unknown());

export const operationAnswer = z
  .object({
    operation_id: z.guid(),
    action: z.enum(OPERATION_ACTIONS),
    target_kind: z.enum(['checkout', 'event', 'product', 'incident', 'system']),
    target: z.string(),
    operator: z.string(),
    reason: z.string(),
    request: anyObject().describe('The action’s own fields, as asked.'),
    state: z.enum(['running', 'done', 'refused']),
    refusal: z.enum(Object.keys(OPERATION_REFUSALS) as [string, ...string[]]).nullable(),
    detail: z.string().nullable().describe('The refusal in plain words.'),
    result: anyObject().nullable().describe('What the act itself found.'),
    before: anyObject().nullable().describe('How its target stood; null where there is no such thing.'),
    after: anyObject().nullable(),
    requested_at: timestamp(),
    finished_at: timestamp().nullable(),
  })
  .meta({ title: 'Operation' });

export const operationPendingAnswer = z
  .object({ operation_id: z.guid(), state: z.literal('running') })
  .meta({ title: 'OperationPending' });

const page = {
  limit: z.coerce.number().int().min(1).max(100).default(50),
  after: z.string().max(500).optional().describe('`next` of the page before.'),
};
const next = () => z.string().nullable().describe('`after` of the next page; null: this was the last.');

export const incidentsQuery = z.strictObject({
  ...page,
  state: z.enum(['open', 'resolved', 'all']).default('open'),
  checkout_id: uuid().optional(),
  kind: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,99}$/)
    .optional(),
});

export const incidentsAnswer = z
  .object({
    incidents: z.array(
      z.object({
        incident_id: z.guid(),
        checkout_id: z.guid().nullable(),
        kind: z.string(),
        detail: anyObject(),
        opened_at: timestamp(),
        resolved_at: timestamp().nullable(),
        resolved_by: z.guid().nullable().describe('The operation that says who and why.'),
      }),
    ),
    next: next(),
  })
  .meta({ title: 'Incidents' });

export const inboxQuery = z.strictObject({
  ...page,
  state: z.enum(['unjudged', 'quarantined', 'all']).default('unjudged'),
  checkout_id: uuid().optional(),
});

export const inboxAnswer = z
  .object({
    events: z.array(
      z.object({
        event_id: z.string(),
        type: z.string(),
        payment_intent_id: z.string().nullable(),
        checkout_id: z.guid().nullable(),
        received_at: timestamp(),
        forwarded_at: timestamp().nullable(),
        outcome: z.string().nullable(),
        reason: z.string().nullable(),
        judged_at: timestamp().nullable(),
        tries: z.int().nonnegative(),
        quarantined_at: timestamp().nullable(),
      }),
    ),
    next: next(),
  })
  .meta({ title: 'Inbox' });

export const reservationsQuery = z.strictObject({ ...page, drop_product_id: uuid().optional() });

export const reservationsAnswer = z
  .object({
    reservations: z.array(
      z.object({
        reservation_id: z.guid(),
        drop_product_id: z.guid(),
        product_name: z.string(),
        quantity: z.int().positive(),
        checkout_id: z.guid().nullable(),
        payment_intent_id: z.string(),
        created_at: timestamp(),
        expires_at: timestamp(),
        reclaim_after: timestamp().describe('The lease: until then nobody takes the units back.'),
      }),
    ),
    next: next(),
  })
  .meta({ title: 'PendingReservations' });

export const checkoutsQuery = z
  .strictObject({
    checkout_id: uuid().optional(),
    payment_intent_id: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/)
      .optional(),
    customer_id: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/)
      .optional(),
  })
  .refine((by) => Object.values(by).some((value) => value !== undefined), 'names one of its members');

export const checkoutsAnswer = z
  .object({
    checkouts: z
      .array(
        z.object({
          checkout_id: z.guid(),
          status: z.enum(CHECKOUT_STATUSES),
          failure_code: z.string().nullable(),
          customer_id: z.string().nullable(),
          payment_intent_id: z.string().nullable(),
          amount: minorUnits().nullable(),
          currency: z.string().nullable(),
          opened_at: timestamp(),
          expires_at: timestamp().nullable(),
          seconds_left: z.int().nonnegative(),
          attempts: z.int().nonnegative(),
          order_id: z.guid().nullable(),
          items: z.array(
            z.object({ drop_product_id: z.guid(), product_name: z.string(), quantity: z.int() }),
          ),
          refund: z.object({ state: z.string(), amount: minorUnits() }).nullable(),
        }),
      )
      .describe('Newest first, at most 100.'),
  })
  .meta({ title: 'FoundCheckouts' });

export const operationsQuery = z.strictObject({
  ...page,
  target: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .describe('Id of a checkout, product, incident or event.'),
  operator: z.string().max(100).optional(),
});

export const operationsAnswer = z
  .object({ operations: z.array(operationAnswer), next: next() })
  .meta({ title: 'Operations' });

export const adminMetricsAnswer = z
  .object({
    incidents_open: z.int(),
    events_unjudged: z.int(),
    events_quarantined: z.int(),
    reservations_held: z.int(),
    units_held: z.int(),
    operations_running: z.int(),
    checkouts_closed_24h: z.record(z.string(), z.int()).describe('By status.'),
    last_reconciliation: anyObject().nullable(),
  })
  .meta({ title: 'AdminMetrics' });

export type OperationJson = z.infer<typeof operationAnswer>;
