// Registers the API with the Stripe simulator as a person does in Stripe's dashboard, once for all starts.
import { z } from 'zod';
import { SetupError } from '../processes/errors';

const listSchema = z.object({
  webhook_endpoints: z.array(
    z.object({ id: z.string(), url: z.string(), secret: z.string(), description: z.string().nullish() }),
  ),
});
const createdSchema = z.object({ secret: z.string() });

const DESCRIPTION = 'holdfast';
const LIMIT_MS = 10_000;

/**
 * The signing secret of the endpoint that delivers to `webhookUrl`. An endpoint of an earlier start is kept with its secret
 * and moved to this URL, so that events that still wait for delivery reach the API wherever it listens today.
 */
export async function registerWebhookEndpoint(options: {
  simulatorUrl: string;
  secretKey: string;
  webhookUrl: string;
}): Promise<string> {
  const { simulatorUrl, secretKey, webhookUrl } = options;
  const call = (path: string, form?: URLSearchParams) => request(`${simulatorUrl}${path}`, secretKey, form);
  const { webhook_endpoints: all } = listSchema.parse(await call('/_simulator/webhook_endpoints'));
  const ours = all.find((endpoint) => endpoint.description === DESCRIPTION);
  if (!ours) {
    const form = new URLSearchParams({ url: webhookUrl, description: DESCRIPTION, 'enabled_events[0]': '*' });
    return createdSchema.parse(await call('/v1/webhook_endpoints', form)).secret;
  }
  if (ours.url !== webhookUrl)
    await call(`/v1/webhook_endpoints/${ours.id}`, new URLSearchParams({ url: webhookUrl }));
  return ours.secret;
}

async function request(url: string, secretKey: string, form?: URLSearchParams): Promise<unknown> {
  const response = await fetch(url, {
    method: form ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${secretKey}` },
    ...(form && { body: form }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  if (!response.ok)
    throw new SetupError(
      `The Stripe simulator refused the webhook endpoint: ${response.status} ${await response.text()}`,
    );
  return response.json();
}
