// A PaymentIntent's record: finding it, moving it to another status, and what a browser may see of it.

import { wallTime } from '../clock';
import type { Context } from '../context';
import { noSuch } from '../errors';
import type { PaymentIntentRecord } from '../records';
import type { PaymentIntentObject, PaymentIntentStatus } from '../types';

/** Throws 404 `resource_missing`, param `intent`, as Stripe does. */
export function requireIntent(context: Context, id: string): PaymentIntentRecord {
  const record = context.store.get('payment_intents', id);
  if (!record) throw noSuch('payment_intent', id, 'intent');
  return record;
}

/** Writes the new status, the fields that go with it, and the line in the ledger. */
export function moveTo(
  context: Context,
  record: PaymentIntentRecord,
  status: PaymentIntentStatus,
  fields: Partial<PaymentIntentObject> = {},
  extra: Partial<Pick<PaymentIntentRecord, 'captures' | 'confirmCount' | 'challengeToken'>> = {},
): PaymentIntentRecord {
  return context.store.put('payment_intents', {
    ...record,
    ...extra,
    object: { ...record.object, next_action: null, ...fields, status },
    transitions: [...record.transitions, { at: wallTime(), to: status }],
  });
}

/** Writes fields without a change of status: no line in the ledger. */
export function changeFields(
  context: Context,
  record: PaymentIntentRecord,
  fields: Partial<PaymentIntentObject>,
): PaymentIntentRecord {
  return context.store.put('payment_intents', { ...record, object: { ...record.object, ...fields } });
}

const PUBLIC_FIELDS = [
  'id',
  'object',
  'allowed_payment_method_types',
  'amount',
  'amount_details',
  'automatic_payment_methods',
  'canceled_at',
  'cancellation_reason',
  'capture_method',
  'client_secret',
  'confirmation_method',
  'created',
  'currency',
  'description',
  'last_payment_error',
  'livemode',
  'next_action',
  'payment_method',
  'payment_method_types',
  'processing',
  'receipt_email',
  'setup_future_usage',
  'shipping',
  'source',
  'status',
] as const satisfies readonly (keyof PaymentIntentObject)[];

/** What a publishable key sees: no metadata, no charge, no amounts received. */
export function redactIntent(intent: PaymentIntentObject): Partial<PaymentIntentObject> {
  return Object.fromEntries(PUBLIC_FIELDS.map((field) => [field, intent[field]]));
}
