// The control plane, /_simulator/*: what a test or a demo does to the world around the shop. JSON in, JSON out.

import { StripeApiError, invalidRequest } from '../errors';
import { COPIES_MAX } from '../events';
import { readFault } from '../faults';
import type { Faults } from '../faults';
import { formFromJson } from '../form';
import type { Form } from '../form';
import { readLedger } from '../ledger';
import { readMeta, updateMeta } from '../meta';
import { flag, integer, oneOf, readParams } from '../params';
import type { Simulator } from '../simulator';
import type { Dispatcher } from '../webhooks/dispatcher';
import { readDeliveries, resend } from '../webhooks/deliveries';

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

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET ledger': ({ simulator, query }) => readLedger(simulator.store, query.get('payment_intent')),
  'GET faults': ({ faults }) => ({ faults: faults.list() }),
  'POST faults': ({ faults, form }) => faults.add(readFault(form)),
  'DELETE faults': ({ faults }) => {
    faults.clear();
    return { faults: [] };
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
};

/** The whole policy from now on: what is not given falls back to its default. */
function setPolicy({ simulator, form }: ControlRequest): object {
  const { mode = 'deliver', delay_ms = 0, copies = 1, shuffle = false } = readParams(POLICY_SPEC, form);
  inRange('delay_ms', delay_ms, 0, DELAY_MS_MAX);
  inRange('copies', copies, 1, COPIES_MAX);
  return updateMeta(simulator.store, { policy: { mode, delay_ms, copies, shuffle } }).policy;
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
  const params = readParams({ processing_cancel: oneOf('allow', 'refuse'), confirm_limit: integer }, form);
  const before = readMeta(simulator.store).settings;
  const limit = params.confirm_limit ?? before.confirm_limit;
  inRange('confirm_limit', limit, 1, 1_000_000);
  const settings = {
    processing_cancel: params.processing_cancel ?? before.processing_cancel,
    confirm_limit: limit,
  };
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
