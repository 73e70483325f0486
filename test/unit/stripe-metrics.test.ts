// What a call to Stripe is counted under: few names, and no ids.
import { operationOf } from '../../platform/stripe-metrics';

test.each([
  ['POST', '/v1/payment_intents', 'payment_intents.create'],
  ['GET', '/v1/payment_intents/pi_1', 'payment_intents.retrieve'],
  ['POST', '/v1/payment_intents/pi_1', 'payment_intents.update'],
  ['POST', '/v1/payment_intents/pi_1/cancel', 'payment_intents.cancel'],
  ['GET', '/v1/payment_intents?limit=100&created[gte]=1', 'payment_intents.list'],
  ['GET', '/v1/payment_intents/pi_1?expand[0]=latest_charge', 'payment_intents.retrieve'],
  ['GET', '/v1/events?types[0]=a', 'events.list'],
  ['GET', '/v1/refunds', 'refunds.list'],
  ['GET', '/v1/account', 'account.retrieve'],
])('%s %s is %s', (method, path, operation) => {
  expect(operationOf(method, path)).toBe(operation);
});
