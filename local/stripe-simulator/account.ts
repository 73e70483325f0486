// GET /v1/account: whose money it is. The id is drawn once and lives with the data.

import type { Context, Outcome } from './context';
import { ok } from './context';
import type { Form } from './form';
import { readMeta } from './meta';
import { readParams } from './params';

export function retrieveAccount(context: Context, _id: string, form: Form): Outcome {
  readParams({}, form);
  return ok({
    id: readMeta(context.store).accountId,
    object: 'account',
    business_profile: { name: 'Stripe simulator' },
    business_type: 'company',
    capabilities: { card_payments: 'active', us_bank_account_ach_payments: 'active' },
    charges_enabled: true,
    country: 'US',
    default_currency: 'usd',
    details_submitted: true,
    email: null,
    metadata: {},
    payouts_enabled: false,
    settings: { dashboard: { display_name: 'Stripe simulator: no real money', timezone: 'Etc/UTC' } },
    type: 'standard',
  });
}
