// The one release without proof, after the longest hold. An incident says so, and the caller goes on asking Stripe.
import type { FailureCode } from '../contracts/checkout';
import { openIncident, releaseCheckout } from './steps';

const UNRESOLVED: FailureCode = 'payment_unresolved';

export async function releaseUnproven(checkoutId: string, eventIds: string[]): Promise<void> {
  await openIncident({ checkoutId, kind: UNRESOLVED, detail: {} });
  await releaseCheckout({ checkoutId, status: 'expired', failureCode: UNRESOLVED, eventIds });
}
