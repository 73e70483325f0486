// The control plane, /_simulator/*: what a test or a demo does to the world around the shop. JSON in, JSON out.

import { StripeApiError, invalidRequest } from '../errors';
import { COPIES_MAX } from '../events';
import { readFault } from '../faults';
import type { Faults } from '../faults';
import { formFromJson } from '../form';
import type { Form } from '../form';
import { readLedger } from '../ledger';
import { DEFAULT_POLICY, readMeta, updateMeta } from '../meta';
import { flag, integer, oneOf, readParams } from '../params';
import { changedSettings } from '../settings';
import type { WebhookPolicy } from '../records';
import type { Simulator } from '../simulator';
import type { Dispatcher } from '../webhooks/dispatcher';
import { readDeliveries, resend } from '../webhooks/deliveries';
import { rollSecret } from '../webhooks/endpoints';

export interface ControlRequest {
  readonly simulator: Simulator;
  readonly faults: Faults;
  readonly dispatcher: Dispatcher;
  readonly query: URLSearchParams;
  readonly form: Form;
  /** Parts of the path after /_simulator/. */
  readonly path: readonly string[];
}

type Handler = (request: ControlRequest) => object | Promise<object>;

const ADVANCE_SECONDS_MAX = 366 * 86_400;
const DELAY_MS_MAX = 600_000;
const WINDOW_SECONDS_MAX = 3_600;
/** Stripe keeps a rolled secret for at most a day. */
const OLD_SECRET_SECONDS_MAX = 86_400;

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET ledger': ({ simulator, query }) => readLedger(simulator.store, query.get('payment_intent')),
  'GET faults': ({ faults }) => ({ faults: faults.list() }),
  'POST faults': ({ faults, form }) => faults.add(readFault(form)),
  'DELETE faults': ({ faults }) => {
    faults.clear();
    return { faults: [] };
  },
  'GET event_rules': ({ simulator }) => ({ event_rules: simulator.eventRules.list() }),
  'POST event_rules': ({ simulator, form }) => simulator.eventRules.add(form),
  'DELETE event_rules': ({ simulator }) => {
    simulator.eventRules.clear();
    return { event_rules: [] };
  },
  'GET webhooks': ({ simulator }) => readMeta(simulator.store).policy,
  'POST webhooks': setPolicy,
  'POST webhooks/flush': flush,
  'GET webhook_endpoints': ({ simulator }) => ({
    webhook_endpoints: [...simulator.store.all('webhook_endpoints')].map(({ object, secret }) => ({
      ...object,
      secret,
    })),
  }),
  'GET deliveries': ({ simulator, query }) => readDeliveries(simulator.store, query),
  'GET requests': readRequests,
  'DELETE requests': ({ simulator }) => {
    simulator.requests.clear();
    return { requests: [] };
  },
  'GET settings': ({ simulator }) => readMeta(simulator.store).settings,
  'POST settings': setSettings,
  'GET clock': ({ simulator }) => clockView(simulator),
  'POST clock': advanceClock,
};

/** Answers a control request, or throws `StripeApiError` (404 for an unknown route). */
export async function handleControl(method: string, request: ControlRequest): Promise<object> {
  const handler = HANDLERS[`${method} ${request.path.join('/')}`];
  if (handler) return handler(request);
  const [collection, id = '', action = ''] = request.path;
  if (method === 'POST' && request.path.length === 3) {
    if (collection === 'payment_intents') return request.simulator.act(action, id);
    if (collection === 'refunds') return request.simulator.actOnRefund(action, id);
    if (collection === 'disputes') return request.simulator.actOnDispute(action, id);
    if (collection === 'webhook_endpoints' && action === 'roll_secret') return rollEndpoint(request, id);
    if (collection === 'events' && action === 'resend') return resendEvent(request, id);
  }
  throw new StripeApiError(404, {
    type: 'invalid_request_error',
    message: `The control plane has no route ${method} /_simulator/${request.path.join('/')}`,
  });
}

const POLICY_SPEC = {
  mode: oneOf('deliver', 'drop', 'hold'),
  delay_ms: integer,
  copies: integer,
  shuffle: flag,
  signature: oneOf('valid', 'wrong', 'stale', 'future', 'missing'),
};

/** The whole policy from now on: what is not given falls back to its default. */
function setPolicy({ simulator, form }: ControlRequest): object {
  const given = readParams(POLICY_SPEC, form);
  const policy: WebhookPolicy = {
    mode: given.mode ?? DEFAULT_POLICY.mode,
    delay_ms: given.delay_ms ?? DEFAULT_POLICY.delay_ms,
    copies: given.copies ?? DEFAULT_POLICY.copies,
    shuffle: given.shuffle ?? DEFAULT_POLICY.shuffle,
    signature: given.signature ?? DEFAULT_POLICY.signature,
  };
  inRange('delay_ms', policy.delay_ms, 0, DELAY_MS_MAX);
  inRange('copies', policy.copies, 1, COPIES_MAX);
  return updateMeta(simulator.store, { policy }).policy;
}

/** As "roll secret" in the dashboard: the old one signs beside the new one until it expires. */
function rollEndpoint({ simulator, form }: ControlRequest, id: string): object {
  const { expires_in_seconds: seconds = OLD_SECRET_SECONDS_MAX } = readParams(
    { expires_in_seconds: integer },
    form,
  );
  inRange('expires_in_seconds', seconds, 0, OLD_SECRET_SECONDS_MAX);
  return rollSecret(simulator.context(null, null), id, seconds);
}

async function flush({ simulator, dispatcher, form }: ControlRequest): Promise<object> {
  const params = readParams({ order: oneOf('created', 'reverse', 'shuffle') }, form);
  const order = params.order ?? (readMeta(simulator.store).policy.shuffle ? 'shuffle' : 'created');
  return { flushed: await dispatcher.flush(order) };
}

function resendEvent({ simulator, form }: ControlRequest, id: string): object {
  const { copies = 1 } = readParams({ copies: integer }, form);
  inRange('copies', copies, 1, COPIES_MAX);
  return { deliveries: resend(simulator.context(null, null), id, copies) };
}

function readRequests({ simulator, query }: ControlRequest): object {
  const window = query.get('window_seconds');
  const seconds = window === null ? null : integer(window, 'window_seconds');
  if (seconds !== null) inRange('window_seconds', seconds, 1, WINDOW_SECONDS_MAX);
  return simulator.requests.view(query.get('operation'), seconds);
}

function setSettings({ simulator, form }: ControlRequest): object {
  const settings = changedSettings(readMeta(simulator.store).settings, form);
  return updateMeta(simulator.store, { settings }).settings;
}

/** Forward only: jobs fall due, old keys are forgotten, waiting deliveries go out. */
function advanceClock({ simulator, dispatcher, form }: ControlRequest): object {
  const { advance_seconds: seconds = 0 } = readParams({ advance_seconds: integer }, form, {
    required: ['advance_seconds'],
  });
  inRange('advance_seconds', seconds, 0, ADVANCE_SECONDS_MAX);
  const offset = readMeta(simulator.store).clockOffsetSeconds + seconds;
  updateMeta(simulator.store, { clockOffsetSeconds: offset });
  simulator.tick();
  dispatcher.reschedule();
  return clockView(simulator);
}

function clockView(simulator: Simulator): object {
  return {
    now: new Date(simulator.clock.nowMs()).toISOString(),
    now_seconds: simulator.clock.nowSeconds(),
    offset_seconds: readMeta(simulator.store).clockOffsetSeconds,
  };
}

function inRange(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw invalidRequest(`${name} must be between ${least} and ${most}`, { param: name });
}

/** The body of a control request as a form. Throws 400 when it is not a JSON object. */
export function parseControlBody(body: string): Form {
  if (body.trim() === '') return {};
  try {
    const form = formFromJson(JSON.parse(body));
    if (typeof form === 'object') return form;
  } catch {
    // Said below.
  }
  throw invalidRequest('The body must be a JSON object.');
}
