// Whose bytes a webhook brings: right, forged, stale, from the future, re-serialised, signed with a rolled secret.
import { verifiedEvent } from '../../api/webhook-signature';
import { signatureHeader } from '../../local/stripe-simulator/webhooks/sender';
import { createStripe } from '../../platform/stripe';

const stripe = createStripe({ secretKey: 'sk_test_simulator' });
const SECRETS = ['whsec_new_secret', 'whsec_old_secret'];
const PAYLOAD = '{\n  "id": "evt_1",\n  "amount": 4200\n}';

const now = () => Math.floor(Date.now() / 1_000);
const sign = (payload: string, secret: string, timestamp = now()) =>
  stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
const verify = (payload: string, ...signature: string[]) =>
  verifiedEvent(stripe, { body: Buffer.from(payload), signature }, SECRETS);

describe('verifiedEvent', () => {
  test.each(SECRETS)('accepts what is signed with %s', (secret) => {
    expect(verify(PAYLOAD, sign(PAYLOAD, secret))).toEqual({ id: 'evt_1', amount: 4200 });
  });

  test.each([290, -290])('accepts a clock that is off by %d s', (seconds) => {
    expect(verify(PAYLOAD, sign(PAYLOAD, SECRETS[0] ?? '', now() + seconds))).toMatchObject({ id: 'evt_1' });
  });

  test.each([
    ['another secret', () => verify(PAYLOAD, sign(PAYLOAD, 'whsec_not_ours'))],
    ['a stale timestamp', () => verify(PAYLOAD, sign(PAYLOAD, 'whsec_new_secret', now() - 310))],
    ['a timestamp ahead', () => verify(PAYLOAD, sign(PAYLOAD, 'whsec_new_secret', now() + 310))],
    [
      'the same JSON serialised again',
      () => verify(JSON.stringify(JSON.parse(PAYLOAD)), sign(PAYLOAD, 'whsec_new_secret')),
    ],
    ['one changed byte', () => verify(PAYLOAD.replace('4200', '4201'), sign(PAYLOAD, 'whsec_new_secret'))],
    ['no header', () => verify(PAYLOAD)],
    ['an empty header', () => verify(PAYLOAD, '')],
    [
      'two headers',
      () => verify(PAYLOAD, sign(PAYLOAD, 'whsec_new_secret'), sign(PAYLOAD, 'whsec_new_secret')),
    ],
    [
      'a second, fresh timestamp',
      () => verify(PAYLOAD, `t=${now()},${sign(PAYLOAD, 'whsec_new_secret', now() - 400)}`),
    ],
    ['no timestamp', () => verify(PAYLOAD, sign(PAYLOAD, 'whsec_new_secret').replace(/t=\d+,/, ''))],
    [
      'no body',
      () => verifiedEvent(stripe, { body: undefined, signature: [sign('', 'whsec_new_secret')] }, SECRETS),
    ],
    [
      'no secret configured',
      () => verifiedEvent(stripe, { body: Buffer.from(PAYLOAD), signature: [sign(PAYLOAD, 'x')] }, []),
    ],
  ])('refuses %s', (_what, attempt) => {
    expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_signature' }));
  });

  test('takes the header of a rolled secret (two v1, one v0) with the new secret, the old one, or both', () => {
    const header = signatureHeader(PAYLOAD, SECRETS, now()) ?? '';
    expect(header.match(/v1=/g)).toHaveLength(2);
    for (const secrets of [SECRETS, SECRETS.slice(0, 1), SECRETS.slice(1)]) {
      const delivery = { body: Buffer.from(PAYLOAD), signature: [header] };
      expect(verifiedEvent(stripe, delivery, secrets)).toEqual({ id: 'evt_1', amount: 4200 });
    }
  });

  test.each(['wrong', 'stale', 'future'] as const)('refuses what the simulator signs %s', (fault) => {
    const header = signatureHeader(PAYLOAD, SECRETS, now(), fault) ?? '';
    expect(() => verify(PAYLOAD, header)).toThrow(expect.objectContaining({ code: 'invalid_signature' }));
  });

  test('refuses signed bytes that are not JSON as malformed', () => {
    expect(() => verify('no json', sign('no json', 'whsec_new_secret'))).toThrow(
      expect.objectContaining({ code: 'malformed_request' }),
    );
  });
});
