// Search attributes against a stand-in of the operator API; the real one is asked by every worker test.
import type { ConnectionLike } from '@temporalio/client';

import { SEARCH_ATTRIBUTES } from '../../contracts/messages';
import { ensureSearchAttributes } from '../../platform/search-attributes';

const KEYWORD = 2;
const INT = 3;

interface FakeOperator {
  listed: Record<string, number>;
  added: Record<string, number>[];
  refusal?: Error;
}

/** Lists what was added only at the second look, as a real server does. */
function connectionOf(operator: FakeOperator) {
  const pending: Record<string, number>[] = [];
  return {
    operatorService: {
      listSearchAttributes: async () => {
        const customAttributes = { ...operator.listed };
        Object.assign(operator.listed, ...pending.splice(0));
        return { customAttributes };
      },
      addSearchAttributes: async ({ searchAttributes }: { searchAttributes: Record<string, number> }) => {
        if (operator.refusal !== undefined) throw operator.refusal;
        operator.added.push(searchAttributes);
        pending.push(searchAttributes);
        return {};
      },
    },
  } as unknown as Pick<ConnectionLike, 'operatorService'>;
}

describe('ensureSearchAttributes', () => {
  test('adds what is missing, with its type, and waits until it is listed', async () => {
    const operator: FakeOperator = { listed: { CheckoutStatus: KEYWORD }, added: [] };
    await ensureSearchAttributes(connectionOf(operator), 'default', SEARCH_ATTRIBUTES);
    expect(operator.added).toEqual([{ PaymentIntentId: KEYWORD, AmountMinor: INT, FailureCode: KEYWORD }]);
    expect(Object.keys(operator.listed)).toHaveLength(4);
  });

  test('does nothing when all are there', async () => {
    const listed = {
      CheckoutStatus: KEYWORD,
      PaymentIntentId: KEYWORD,
      AmountMinor: INT,
      FailureCode: KEYWORD,
    };
    const operator: FakeOperator = { listed, added: [] };
    await ensureSearchAttributes(connectionOf(operator), 'default', SEARCH_ATTRIBUTES);
    expect(operator.added).toEqual([]);
  });

  test('names the exact command where it may not add them', async () => {
    const operator: FakeOperator = { listed: {}, added: [], refusal: new Error('permission denied') };
    await expect(ensureSearchAttributes(connectionOf(operator), 'shop', SEARCH_ATTRIBUTES)).rejects.toThrow(
      'temporal operator search-attribute create --namespace shop --name CheckoutStatus --type Keyword' +
        ' --name PaymentIntentId --type Keyword --name AmountMinor --type Int --name FailureCode --type Keyword',
    );
  });

  test('refuses an attribute of another type', async () => {
    const operator: FakeOperator = { listed: { AmountMinor: KEYWORD }, added: [] };
    await expect(
      ensureSearchAttributes(connectionOf(operator), 'default', SEARCH_ATTRIBUTES),
    ).rejects.toThrow('AmountMinor of namespace default exists with another type than INT');
  });
});
