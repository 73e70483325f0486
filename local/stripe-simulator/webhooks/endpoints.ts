// Webhook endpoints: registered over the API, the signing secret shown once.

import type { Context, Outcome } from '../context';
import { ok } from '../context';
import { invalidRequest, noSuch } from '../errors';
import type { Form } from '../form';
import { randomId } from '../ids';
import { LIST_SPEC, page } from '../lists';
import { clearableText, flag, listOf, mergeMetadata, metadata, readParams, text } from '../params';
import type { WebhookEndpointRecord } from '../records';
import type { WebhookEndpointObject } from '../types';
import { API_VERSION } from '../version';

const ENDPOINTS_MAX = 16;

const CREATE_SPEC = {
  url: text,
  enabled_events: listOf(text),
  api_version: text,
  description: clearableText,
  metadata,
};

export function createEndpoint(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(CREATE_SPEC, form, {
    required: ['url', 'enabled_events'],
    unsupported: ['connect'],
  });
  const url = params.url ?? '';
  checkUrl(url);
  if (params.api_version !== undefined && params.api_version !== API_VERSION) {
    throw invalidRequest(`The Stripe simulator speaks only API version ${API_VERSION}.`, {
      param: 'api_version',
    });
  }
  if (context.store.count('webhook_endpoints') >= ENDPOINTS_MAX) {
    throw invalidRequest(`You have reached the maximum of ${ENDPOINTS_MAX} test webhook endpoints.`);
  }
  const object: WebhookEndpointObject = {
    id: randomId(context.random, 'we'),
    object: 'webhook_endpoint',
    api_version: params.api_version ?? null,
    application: null,
    created: context.clock.nowSeconds(),
    description: params.description ?? null,
    enabled_events: params.enabled_events ?? [],
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    status: 'enabled',
    url,
  };
  const secret = randomId(context.random, 'whsec', 32);
  context.store.put('webhook_endpoints', { id: object.id, object, secret });
  return ok({ ...object, secret });
}

/** A new signing secret; the old one goes on signing for a while. One old secret at most, as at Stripe. */
export function rollSecret(context: Context, id: string, oldForSeconds: number): object {
  return context.store.transaction(() => {
    const record = requireEndpoint(context, id);
    const secret = randomId(context.random, 'whsec', 32);
    const previousSecret = {
      secret: record.secret,
      untilMs: context.clock.nowMs() + oldForSeconds * 1000,
    };
    context.store.put('webhook_endpoints', { ...record, secret, previousSecret });
    return { ...record.object, secret };
  });
}

/** The secrets that sign now, the newest first. */
export function signingSecrets(record: WebhookEndpointRecord, nowMs: number): readonly string[] {
  const { secret, previousSecret: old } = record;
  return old && nowMs < old.untilMs ? [secret, old.secret] : [secret];
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  throw invalidRequest('Not a valid URL', { code: 'url_invalid', param: 'url' });
}

function requireEndpoint(context: Context, id: string): WebhookEndpointRecord {
  const record = context.store.get('webhook_endpoints', id);
  if (!record) throw noSuch('webhook endpoint', id, 'webhook_endpoint');
  return record;
}

export function retrieveEndpoint(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  return ok(requireEndpoint(context, id).object);
}

const UPDATE_SPEC = {
  url: text,
  enabled_events: listOf(text),
  description: clearableText,
  disabled: flag,
  metadata,
};

export function updateEndpoint(context: Context, id: string, form: Form): Outcome {
  const record = requireEndpoint(context, id);
  const params = readParams(UPDATE_SPEC, form);
  const { object } = record;
  if (params.url !== undefined) checkUrl(params.url);
  const changed: WebhookEndpointObject = {
    ...object,
    url: params.url ?? object.url,
    enabled_events: params.enabled_events ?? object.enabled_events,
    description: params.description === undefined ? object.description : params.description,
    metadata: mergeMetadata(object.metadata, params.metadata),
    status: params.disabled === undefined ? object.status : params.disabled ? 'disabled' : 'enabled',
  };
  context.store.put('webhook_endpoints', { ...record, object: changed });
  return ok(changed);
}

/** Deliveries to a deleted endpoint go with it. */
export function deleteEndpoint(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  requireEndpoint(context, id);
  for (const delivery of context.store.all('deliveries')) {
    if (delivery.endpoint === id) context.store.remove('deliveries', delivery.id);
  }
  context.store.remove('webhook_endpoints', id);
  return ok({ id, object: 'webhook_endpoint', deleted: true });
}

export function listEndpoints(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(LIST_SPEC, form);
  const all = [...context.store.all('webhook_endpoints')].map((record) => record.object);
  return ok(page('/v1/webhook_endpoints', 'webhook_endpoint', all, params));
}
