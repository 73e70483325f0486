// Events: a snapshot of an object at the moment it changed, and one delivery per endpoint that wants it.

import type { Context, Outcome } from './context';
import { ok } from './context';
import { invalidRequest, noSuch } from './errors';
import type { Form } from './form';
import { randomId } from './ids';
import { LIST_SPEC, page } from './lists';
import { readMeta } from './meta';
import { flag, listOf, readParams, text } from './params';
import type { DeliveryState, EventRecord, WebhookPolicy } from './records';
import type { Store } from './store';
import type { EventObject, Metadata } from './types';
import { API_VERSION } from './version';

export const COPIES_MAX = 500;
/** With `shuffle` each delivery waits a random part of this on top of `delay_ms`. */
const SHUFFLE_SPREAD_MS = 300;
/** Memory bound: the oldest events go first, as Stripe's do after 30 days. */
export const EVENTS_MAX = 50_000;
const TYPES_MAX = 20;

interface Snapshot {
  readonly id: string;
  readonly object: string;
  readonly payment_intent?: string;
  readonly metadata?: Metadata;
}

/** Writes an event and its deliveries into the running transaction. `object` is kept as it is now. */
export function recordEvent(
  context: Context,
  type: string,
  object: Snapshot,
  previousAttributes?: Readonly<Record<string, unknown>>,
): void {
  const paymentIntent = object.object === 'payment_intent' ? object.id : (object.payment_intent ?? null);
  const subject = { type, paymentIntent, metadata: object.metadata ?? {} };
  for (let made = context.eventRules.copiesOf(subject); made > 0; made -= 1) {
    makeEvent(context, type, object, paymentIntent, previousAttributes);
  }
}

function makeEvent(
  context: Context,
  type: string,
  object: Snapshot,
  paymentIntent: string | null,
  previousAttributes: Readonly<Record<string, unknown>> | undefined,
): void {
  const { store } = context;
  const event: EventObject = {
    id: randomId(context.random, 'evt'),
    object: 'event',
    api_version: API_VERSION,
    created: context.clock.nowSeconds(),
    data: previousAttributes ? { object, previous_attributes: previousAttributes } : { object },
    livemode: false,
    pending_webhooks: 0,
    request: context.cause,
    type,
  };
  store.put('events', { id: event.id, object: event, paymentIntent });
  for (const endpoint of store.all('webhook_endpoints')) {
    const { enabled_events: wanted, status } = endpoint.object;
    if (status === 'enabled' && (wanted.includes('*') || wanted.includes(type))) {
      addDeliveries(context, event.id, endpoint.id);
    }
  }
  dropOldest(store);
}

function addDeliveries(context: Context, eventId: string, endpointId: string): void {
  const policy = readMeta(context.store).policy;
  for (let copy = 1; copy <= Math.min(policy.copies, COPIES_MAX); copy += 1) {
    const spreadMs = policy.shuffle ? context.random.below(SHUFFLE_SPREAD_MS) : 0;
    context.store.put('deliveries', {
      id: `${eventId}:${endpointId}:${copy}`,
      event: eventId,
      endpoint: endpointId,
      copy,
      state: firstState(policy),
      dueAtMs: context.clock.nowMs() + policy.delay_ms + spreadMs,
      attempts: [],
    });
  }
}

function firstState(policy: WebhookPolicy): DeliveryState {
  switch (policy.mode) {
    case 'deliver':
      return 'pending';
    case 'hold':
      return 'held';
    case 'drop':
      return 'dropped';
  }
}

function dropOldest(store: Store): void {
  if (store.count('events') <= EVENTS_MAX) return;
  const oldest = store.all('events').next().value;
  if (!oldest) return;
  for (const delivery of deliveriesOf(store, oldest.id)) store.remove('deliveries', delivery.id);
  store.remove('events', oldest.id);
}

function deliveriesOf(store: Store, eventId: string) {
  const found = [];
  for (const endpoint of store.all('webhook_endpoints')) {
    for (let copy = 1; copy <= COPIES_MAX; copy += 1) {
      const delivery = store.get('deliveries', `${eventId}:${endpoint.id}:${copy}`);
      if (!delivery) break;
      found.push(delivery);
    }
  }
  return found;
}

/** Endpoints that have not taken the event yet; a taken copy is enough. */
function pendingEndpoints(store: Store, eventId: string): number {
  const taken = new Map<string, boolean>();
  for (const { endpoint, state } of deliveriesOf(store, eventId)) {
    taken.set(endpoint, (taken.get(endpoint) ?? false) || state === 'delivered');
  }
  return [...taken.values()].filter((isTaken) => !isTaken).length;
}

/** The event as it goes over the wire: everything fixed at the transition, except the count of pending webhooks. */
export function eventView(store: Store, record: EventRecord): EventObject {
  return { ...record.object, pending_webhooks: pendingEndpoints(store, record.id) };
}

/** The API hands events out for 30 days; the dashboard's resend is not bound by it here. */
const LISTED_SECONDS = 30 * 86_400;

function isListed(context: Context, event: EventObject): boolean {
  return event.created > context.clock.nowSeconds() - LISTED_SECONDS;
}

export function retrieveEvent(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  const record = context.store.get('events', id);
  if (!record || !isListed(context, record.object)) throw noSuch('event', id, 'id');
  return ok(eventView(context.store, record));
}

const EVENT_LIST_SPEC = { ...LIST_SPEC, type: text, types: listOf(text), delivery_success: flag };

export function listEvents(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(EVENT_LIST_SPEC, form);
  if (params.type !== undefined && params.types !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: type, types.', {
      code: 'parameters_exclusive',
      param: 'types',
    });
  }
  if ((params.types?.length ?? 0) > TYPES_MAX) {
    throw invalidRequest(`At most ${TYPES_MAX} types may be given.`, { param: 'types' });
  }
  const isWanted = typeFilter(params.type === undefined ? params.types : [params.type]);
  const events = [...context.store.all('events')].map((record) => record.object);
  const list = page('/v1/events', 'event', events, params, (event) => {
    if (!isListed(context, event) || !isWanted(event.type)) return false;
    if (params.delivery_success === undefined) return true;
    return (pendingEndpoints(context.store, event.id) === 0) === params.delivery_success;
  });
  return ok(withPendingCounts(context.store, list));
}

/** `charge.*` matches every charge event. */
function typeFilter(types: readonly string[] | undefined): (type: string) => boolean {
  if (!types) return () => true;
  return (type) =>
    types.some((wanted) => (wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : wanted === type));
}

function withPendingCounts(store: Store, list: object): object {
  const { data, ...rest } = list as { data: readonly EventObject[] };
  return {
    ...rest,
    data: data.map((event) => ({ ...event, pending_webhooks: pendingEndpoints(store, event.id) })),
  };
}
