// Who may do what, and what every reply carries.
import { claims } from '../claim';
import { absent, aText, check, oneOf } from '../check';
import { NotHere, VERSION } from '../conversation';
import type { Conversation } from '../conversation';

function browserKey(talk: Conversation): string {
  const { publishableKey } = talk.target;
  if (publishableKey === null) throw new NotHere('set STRIPE_PUBLISHABLE_KEY=pk_test_…');
  return publishableKey;
}

export const ACCESS = claims('access', {
  'every reply has a request id and echoes the version': async (talk) => {
    for (const path of ['/v1/payment_intents?limit=1', '/v1/payment_intents/pi_holdfast_unknown']) {
      const { headers } = await talk.raw('GET', path);
      check('the headers', Object.fromEntries(headers), {
        'request-id': aText(/^req_/),
        'stripe-version': VERSION,
      });
    }
  },
  'a refusal is a JSON envelope, on unknown routes too': async (talk) => {
    const { status, body } = await talk.raw('GET', '/v1/holdfast_unknown');
    check(
      'the reply',
      { status, ...body.error },
      {
        status: 404,
        type: 'invalid_request_error',
        message: aText(/./),
      },
    );
  },
  'without a key, and with a wrong one, nothing is answered': async (talk) => {
    for (const key of [null, 'sk_test_holdfast_wrong']) {
      const { status, body } = await talk.raw('GET', '/v1/payment_intents', { key });
      check('the reply', { status, ...body.error }, { status: 401, type: 'invalid_request_error' });
    }
  },
  'a browser reads its own PaymentIntent, without metadata': async (talk) => {
    const { id, client_secret: secret } = await talk.intent({ metadata: { checkout_id: 'c1' } });
    const path = `/v1/payment_intents/${id}?client_secret=${secret}`;
    const { status, body } = await talk.raw('GET', path, { key: browserKey(talk) });
    check('the status', status, 200);
    check('the PaymentIntent', body, {
      id,
      amount: 100,
      status: 'requires_payment_method',
      metadata: absent,
    });
  },
  'a browser without the right client_secret reads nothing': async (talk) => {
    const { id } = await talk.intent();
    for (const query of ['', `?client_secret=${id}_secret_guess`]) {
      const { status, body } = await talk.raw('GET', `/v1/payment_intents/${id}${query}`, {
        key: browserKey(talk),
      });
      check('the status', status, oneOf(400, 401, 403, 404));
      check('the body', body, { id: absent });
    }
  },
  'a browser cannot cancel, refund or list': async (talk) => {
    const { id } = await talk.intent();
    const key = browserKey(talk);
    for (const { status } of [
      await talk.raw('POST', `/v1/payment_intents/${id}/cancel`, { key, form: {} }),
      await talk.raw('POST', '/v1/refunds', { key, form: { payment_intent: id } }),
      await talk.raw('GET', '/v1/payment_intents', { key }),
      await talk.raw('GET', '/v1/events', { key }),
    ]) {
      check('the status', status, oneOf(401, 403));
    }
    check('it is still open', await talk.stripe.paymentIntents.retrieve(id), {
      status: 'requires_payment_method',
    });
  },
  'a browser confirms with its client_secret': async (talk) => {
    const { id, client_secret: secret } = await talk.intent();
    const { status, body } = await talk.raw('POST', `/v1/payment_intents/${id}/confirm`, {
      key: browserKey(talk),
      form: { client_secret: secret ?? '', payment_method: 'pm_card_visa' },
    });
    check('the reply', { status, body }, { status: 200, body: { id } });
    check('what the shop reads', await talk.stripe.paymentIntents.retrieve(id), {
      status: 'succeeded',
      amount_received: 100,
    });
  },
  'the account of a key has an id': async (talk) => {
    check('the account', await talk.stripe.accounts.retrieveCurrent(), {
      object: 'account',
      id: aText(/^acct_/),
    });
  },
});
