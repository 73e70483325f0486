// A page of Stripe's events is believed only where it is one; what is asked for is what is judged.
import type Stripe from 'stripe';

import {
  isSettlementEventType,
  isSignalledEventType,
  JUDGED_EVENT_TYPES,
} from '../../contracts/payment-events';
import { listEvents } from '../../platform/stripe-events';

const QUERY = { types: JUDGED_EVENT_TYPES, createdFromUnixSeconds: 0, startingAfter: 'evt_1' };
const answering = (reply: unknown) =>
  ({ events: { list: () => Promise.resolve(reply) } }) as unknown as Stripe;

test.each([
  ['text', 'ok'],
  ["a stray proxy's page", { message: 'nope' }],
  ['another list', { object: 'list', has_more: false, data: [{ id: 7 }] }],
  ['an event without its instant', { object: 'list', has_more: false, data: [{ id: 'evt_2' }] }],
  ['a list that goes on with nothing', { object: 'list', has_more: true, data: [] }],
  ['a list that leads in a circle', { object: 'list', has_more: true, data: [{ id: 'evt_1', created: 1 }] }],
])('%s is no list of events', async (_what, reply) => {
  await expect(listEvents(answering(reply), QUERY)).rejects.toThrow(/list of events/);
});

test('a page says how new it is, and where the next one begins', async () => {
  const data = [{ id: 'evt_3', created: 9 }, { id: 'evt_2', created: 8 }]; // prettier-ignore
  expect(await listEvents(answering({ object: 'list', has_more: true, data }), QUERY)).toMatchObject({
    newestUnixSeconds: 9,
    nextStartingAfter: 'evt_2',
  });
});

test('Stripe is asked for at most 20 types, and each of them is judged here', () => {
  expect(JUDGED_EVENT_TYPES.length).toBeLessThanOrEqual(20);
  expect(
    JUDGED_EVENT_TYPES.filter((type) => !isSignalledEventType(type) && !isSettlementEventType(type)),
  ).toEqual([]);
});
