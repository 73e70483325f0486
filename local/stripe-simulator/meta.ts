// The single `meta` record: account id, clock offset, webhook policy, settings.

import { randomId } from './ids';
import type { Random } from './random';
import type { MetaRecord, WebhookPolicy } from './records';
import { DEFAULT_SETTINGS } from './settings';
import type { Store } from './store';

export const DEFAULT_POLICY: WebhookPolicy = {
  mode: 'deliver',
  delay_ms: 0,
  copies: 1,
  shuffle: false,
  signature: 'valid',
};

/** The account id is drawn once and stays with the data: the product's database remembers it. */
export function ensureMeta(store: Store, random: Random): void {
  const meta = store.get('meta', 'meta');
  if (meta) {
    store.transaction(() => store.put('meta', completed(meta)));
    return;
  }
  store.transaction(() =>
    store.put('meta', {
      id: 'meta',
      accountId: randomId(random, 'acct', 16),
      clockOffsetSeconds: 0,
      policy: DEFAULT_POLICY,
      settings: DEFAULT_SETTINGS,
    }),
  );
}

export function readMeta(store: Store): MetaRecord {
  const meta = store.get('meta', 'meta');
  if (!meta) throw new Error('the simulator has no meta record');
  return meta;
}

/** What a journal of an older version does not know yet has its default. */
function completed(meta: MetaRecord): MetaRecord {
  return {
    ...meta,
    policy: { ...DEFAULT_POLICY, ...meta.policy },
    settings: { ...DEFAULT_SETTINGS, ...meta.settings },
  };
}

export function updateMeta(store: Store, change: Partial<Omit<MetaRecord, 'id'>>): MetaRecord {
  return store.transaction(() => store.put('meta', { ...readMeta(store), ...change }));
}
