// The log of deliveries, and sending an event once more as the dashboard's "resend" does.

import type { Context } from '../context';
import { noSuch } from '../errors';
import type { DeliveryRecord } from '../records';
import type { Store } from '../store';

/**
 * `deliveries`: every attempt with its answer, one line each. `undelivered`: what nobody has taken yet, and whether it
 * will be tried again. Filters: event_id, type, payment_intent.
 */
export function readDeliveries(store: Store, query: URLSearchParams): object {
  const deliveries: object[] = [];
  const undelivered: object[] = [];
  for (const record of store.all('deliveries')) {
    const about = describe(store, record);
    const names = ['event_id', 'type', 'payment_intent'] as const;
    if (!names.every((name) => !query.has(name) || query.get(name) === about[name])) continue;
    for (const attempt of record.attempts) deliveries.push({ ...about, ...attempt });
    if (record.state === 'delivered') continue;
    const nextAt = record.state === 'pending' ? new Date(record.dueAtMs).toISOString() : null;
    undelivered.push({
      ...about,
      state: record.state,
      attempts: record.attempts.length,
      next_attempt_at: nextAt,
    });
  }
  return { deliveries, undelivered };
}

function describe(store: Store, { event, endpoint, copy }: DeliveryRecord) {
  const record = store.get('events', event);
  return {
    event_id: event,
    type: record?.object.type ?? null,
    payment_intent: record?.paymentIntent ?? null,
    endpoint,
    url: store.get('webhook_endpoints', endpoint)?.object.url ?? null,
    copy,
  };
}

/** Fresh deliveries of an old event to every endpoint, whatever the policy says; returns how many. */
export function resend(context: Context, eventId: string, copies: number): number {
  const { store, clock } = context;
  if (!store.get('events', eventId)) throw noSuch('event', eventId, 'id');
  return store.transaction(() => {
    let made = 0;
    for (const { id: endpoint } of store.all('webhook_endpoints')) {
      const first = nextCopy(store, eventId, endpoint);
      for (let copy = first; copy < first + copies; copy += 1) {
        const delivery = { id: `${eventId}:${endpoint}:${copy}`, event: eventId, endpoint, copy };
        store.put('deliveries', { ...delivery, state: 'pending', dueAtMs: clock.nowMs(), attempts: [] });
        made += 1;
      }
    }
    return made;
  });
}

function nextCopy(store: Store, eventId: string, endpoint: string): number {
  let copy = 1;
  while (store.get('deliveries', `${eventId}:${endpoint}:${copy}`)) copy += 1;
  return copy;
}
