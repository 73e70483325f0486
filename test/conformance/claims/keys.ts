// Idempotency keys: what is replayed, what is refused, what may be tried again.
import { claims } from '../claim';
import { absent, check, refused, aText } from '../check';
import { SMALL } from '../conversation';

const REPLAYED = { 'idempotent-replayed': 'true' };

export const KEYS = claims('key', {
  'the same key answers with the same PaymentIntent, and says so': async (talk) => {
    const key = talk.newKey();
    const first = await talk.intent({}, key);
    const second = await talk.intent({}, key);
    check('the id', second.id, first.id);
    check('the first reply’s headers', first.lastResponse.headers, {
      'idempotent-replayed': absent,
      'idempotency-key': key,
    });
    check('the second reply’s headers', second.lastResponse.headers, {
      ...REPLAYED,
      'original-request': first.lastResponse.requestId,
      'idempotency-key': key,
    });
  },
  'the same key with other parameters is an idempotency_error, and changes nothing': async (talk) => {
    const key = talk.newKey();
    const { id } = await talk.intent({}, key);
    await refused('create', talk.intent({ amount: 101 }, key), { status: 400, type: 'idempotency_error' });
    const cancel = talk.stripe.paymentIntents.cancel(id, {}, { idempotencyKey: key });
    await refused('cancel', cancel, { status: 400, type: 'idempotency_error' });
    check('the status', (await talk.stripe.paymentIntents.retrieve(id)).status, 'requires_payment_method');
  },
  'a decline is kept and replayed: one charge': async (talk) => {
    const { id } = await talk.intent();
    const idempotencyKey = talk.newKey();
    const confirm = () =>
      talk.stripe.paymentIntents.confirm(
        id,
        { payment_method: 'pm_card_visa_chargeDeclined' },
        { idempotencyKey },
      );
    const first = await refused('confirm', confirm(), { status: 402 });
    await refused('confirm', confirm(), { status: 402, charge: first.charge, headers: REPLAYED });
    check('the charges', (await talk.stripe.charges.list({ payment_intent: id })).data.length, 1);
  },
  'a refused cancel is kept and replayed': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    const idempotencyKey = talk.newKey();
    const cancel = () => talk.stripe.paymentIntents.cancel(id, {}, { idempotencyKey });
    await refused('cancel', cancel(), { status: 400, code: 'payment_intent_unexpected_state' });
    await refused('cancel', cancel(), {
      status: 400,
      code: 'payment_intent_unexpected_state',
      headers: REPLAYED,
    });
  },
  'bad input is not kept: the corrected call may use the key': async (talk) => {
    const key = talk.newKey();
    const wrong = talk.stripe.rawRequest(
      'POST',
      '/v1/payment_intents',
      { ...SMALL, amount: '1.5' },
      {
        idempotencyKey: key,
      },
    );
    await refused('create', wrong as Promise<unknown>, { status: 400, code: 'parameter_invalid_integer' });
    check('the PaymentIntent', await talk.intent({}, key), { object: 'payment_intent' });
  },
  'the same key at the same time makes one PaymentIntent': async (talk) => {
    const key = talk.newKey();
    const both = await Promise.allSettled([talk.intent({}, key), talk.intent({}, key)]);
    const ids = new Set<string>();
    for (const result of both) {
      if (result.status === 'fulfilled') ids.add(result.value.id);
      else {
        const { statusCode, code } = result.reason as { statusCode: number; code: string };
        check('the other answer', { statusCode, code }, { statusCode: 409, code: 'idempotency_key_in_use' });
      }
    }
    ids.add((await talk.intent({}, key)).id);
    check('how many were made', ids.size, 1);
  },
  'a key has at most 255 characters': async (talk) => {
    await refused('create', talk.intent({}, 'k'.repeat(256)), { status: 400 });
    const longest = `${talk.newKey()}:`.padEnd(255, 'k');
    check('the PaymentIntent', await talk.intent({}, longest), { id: aText(/^pi_/) });
  },
  'one key, one refund': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    const idempotencyKey = talk.newKey();
    const refund = () => talk.stripe.refunds.create({ payment_intent: id, amount: 40 }, { idempotencyKey });
    check('the id', (await refund()).id, (await refund()).id);
    check('the refunds', (await talk.stripe.refunds.list({ payment_intent: id })).data.length, 1);
  },
});
