// Tokens: one per checkout and secret, and nothing else opens.
import { checkoutToken, isAdminToken, isCheckoutToken } from '../../platform/tokens';

const SECRET = 'a secret of sixteen';
const ID = '0f9a1c9e-0000-8000-8000-000000000001';
const OTHER = '0f9a1c9e-0000-8000-8000-000000000002';

describe('a checkout token', () => {
  const token = checkoutToken(SECRET, ID);

  test('is the same each time, safe in a header, and opens its checkout', () => {
    expect(checkoutToken(SECRET, ID)).toBe(token);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(isCheckoutToken(SECRET, ID, token)).toBe(true);
  });

  test.each([
    ['another checkout', SECRET, OTHER, token],
    ['another secret', 'another secret here', ID, token],
    ['a cut token', SECRET, ID, token.slice(0, -1)],
    ['a longer token', SECRET, ID, `${token}A`],
    ['nothing', SECRET, ID, ''],
  ])('does not open with %s', (_what, secret, id, presented) => {
    expect(isCheckoutToken(secret, id, presented)).toBe(false);
  });
});

test('the admin token opens by exactly itself', () => {
  expect(isAdminToken('admin-token-0123456789', 'admin-token-0123456789')).toBe(true);
  expect(isAdminToken('admin-token-0123456789', 'admin-token-012345678')).toBe(false);
  expect(isAdminToken('admin-token-0123456789', '')).toBe(false);
});
