// GET /config: what a page needs to know to pay.
import type { RequestHandler } from 'express';

import type { ApiDeps } from './deps';

export function pageConfigHandler({ settings }: ApiDeps): RequestHandler {
  return (_request, response) => {
    response.json({
      mode: settings.mode,
      publishable_key: settings.publishableKey,
      stripe_api_base: settings.stripeApiBase,
      payment_window_seconds: settings.windowSeconds,
    });
  };
}
