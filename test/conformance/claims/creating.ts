// PaymentIntents as they are made: fields, limits, and parameters that are refused.
import { claims } from '../claim';
import { aText, check, refused } from '../check';
import { SMALL } from '../conversation';

const BAD = { status: 400, type: 'invalid_request_error' };

export const CREATING = claims('create', {
  'a new PaymentIntent requires a payment method, and nothing is in it': async (talk) => {
    const intent = await talk.intent({ metadata: { checkout_id: 'c1' } });
    check('the PaymentIntent', intent, {
      object: 'payment_intent',
      status: 'requires_payment_method',
      amount: 100,
      amount_received: 0,
      amount_capturable: 0,
      currency: 'usd',
      capture_method: 'automatic_async',
      livemode: false,
      latest_charge: null,
      last_payment_error: null,
      payment_method_types: ['card'],
      metadata: { checkout_id: 'c1' },
      client_secret: aText(new RegExp(`^${intent.id}_secret_`)),
    });
  },
  'with a payment method it requires a confirmation': async (talk) => {
    const intent = await talk.intent({ payment_method: 'pm_card_visa' });
    check('the PaymentIntent', intent, { status: 'requires_confirmation', amount_received: 0 });
  },
  'payment_method_types is refused': async (talk) => {
    const old = { amount: '100', currency: 'usd', 'payment_method_types[]': 'card' };
    const { status, body } = await talk.raw('POST', '/v1/payment_intents', { form: old });
    check(
      'the reply',
      { status, ...body.error },
      { ...BAD, code: 'payment_method_types_no_longer_supported' },
    );
  },
  'allowed_payment_method_types excludes automatic_payment_methods': async (talk) => {
    const both = { ...SMALL, automatic_payment_methods: { enabled: true } };
    await refused('create', talk.stripe.paymentIntents.create(both), BAD);
  },
  'an amount that is too small is refused for good': async (talk) => {
    const tiny = talk.stripe.paymentIntents.create({ ...SMALL, amount: 1 });
    await refused('create', tiny, { ...BAD, code: 'amount_too_small', param: 'amount' });
  },
  'an amount that is too large is refused for good': async (talk) => {
    const huge = talk.stripe.paymentIntents.create({ ...SMALL, amount: 100_000_000 });
    await refused('create', huge, { ...BAD, code: 'amount_too_large', param: 'amount' });
  },
  'an unknown parameter is refused by name': async (talk) => {
    const form = { amount: '100', currency: 'usd', colour: 'red' };
    const { status, body } = await talk.raw('POST', '/v1/payment_intents', { form });
    check('the reply', { status, ...body.error }, { ...BAD, code: 'parameter_unknown', param: 'colour' });
  },
  'a missing parameter is refused by name': async (talk) => {
    const { status, body } = await talk.raw('POST', '/v1/payment_intents', { form: { currency: 'usd' } });
    check('the reply', { status, ...body.error }, { ...BAD, code: 'parameter_missing', param: 'amount' });
  },
  'an amount that is no integer is refused by name': async (talk) => {
    const form = { amount: '1.5', currency: 'usd' };
    const { status, body } = await talk.raw('POST', '/v1/payment_intents', { form });
    check(
      'the reply',
      { status, ...body.error },
      {
        ...BAD,
        code: 'parameter_invalid_integer',
        param: 'amount',
      },
    );
  },
  'metadata values have at most 500 characters, keys at most 40': async (talk) => {
    for (const metadata of [{ key: 'x'.repeat(501) }, { ['k'.repeat(41)]: 'x' }]) {
      await refused('create', talk.stripe.paymentIntents.create({ ...SMALL, metadata }), BAD);
    }
    const metadata = { ['k'.repeat(40)]: 'x'.repeat(500) };
    check('the PaymentIntent', await talk.intent({ metadata }), { metadata });
  },
  'an unknown id is 404 resource_missing, param intent': async (talk) => {
    await refused('retrieve', talk.stripe.paymentIntents.retrieve('pi_holdfast_unknown'), {
      status: 404,
      type: 'invalid_request_error',
      code: 'resource_missing',
      param: 'intent',
    });
  },
  'a list by creation time finds it, newest first': async (talk) => {
    const older = await talk.intent();
    const newer = await talk.intent();
    await talk.eventually('both in the list', async () => {
      const { data } = await talk.stripe.paymentIntents.list({ created: { gte: older.created }, limit: 100 });
      const places = [newer.id, older.id].map((id) => data.findIndex((intent) => intent.id === id));
      return places.every((place) => place >= 0) && data[0] !== undefined;
    });
  },
  'an update merges metadata, and is refused for the amount once the money is in': async (talk) => {
    const { id } = await talk.intent({ metadata: { a: '1', b: '2' } });
    const updated = await talk.stripe.paymentIntents.update(id, { metadata: { b: '', c: '3' } });
    check('the metadata', updated.metadata, { a: '1', c: '3' });
    await talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    await refused('update', talk.stripe.paymentIntents.update(id, { amount: 200 }), {
      ...BAD,
      code: 'payment_intent_unexpected_state',
      intentStatus: 'succeeded',
    });
  },
});
