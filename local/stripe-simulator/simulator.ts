// The simulator's parts in one place, for the HTTP handlers.

import type { Clock } from './clock';
import type { Context } from './context';
import { EventRules } from './event-rules';
import { DISPUTE_ACTIONS, INTENT_ACTIONS, REFUND_ACTIONS, runDueJobs } from './control/actions';
import { noSuch } from './errors';
import { pruneKeys } from './idempotency';
import { Limits } from './limits';
import type { Log } from './log';
import type { Random } from './random';
import { Requests } from './requests';
import type { Store } from './store';

export interface Simulator {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly baseUrl: () => string;
  readonly requests: Requests;
  readonly limits: Limits;
  readonly eventRules: EventRules;
  readonly random: Random;
  /** `requestId` and `key` become the cause of the events; null = the outside world. */
  readonly context: (requestId: string | null, key: string | null) => Context;
  /** An action of the outside world on a PaymentIntent, in its own transaction. */
  readonly act: (action: string, id: string) => object;
  readonly actOnRefund: (action: string, id: string) => object;
  readonly actOnDispute: (action: string, id: string) => object;
  /** Runs what is due on the simulator's clock. */
  readonly tick: () => void;
}

export function createSimulator(
  parts: Pick<Simulator, 'store' | 'clock' | 'log' | 'random' | 'baseUrl'>,
): Simulator {
  const { store, clock, random, baseUrl } = parts;
  const eventRules = new EventRules();
  const context = (requestId: string | null, key: string | null): Context => ({
    store,
    clock,
    cause: { id: requestId, idempotency_key: key },
    eventRules,
    random,
    baseUrl: baseUrl(),
  });
  const actFrom = (actions: typeof INTENT_ACTIONS) => (name: string, id: string) => {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) throw noSuch('action', name, 'action');
    return store.transaction(() => action(context(null, null), id));
  };
  return {
    ...parts,
    requests: new Requests(),
    limits: new Limits(),
    eventRules,
    context,
    act: actFrom(INTENT_ACTIONS),
    actOnRefund: actFrom(REFUND_ACTIONS),
    actOnDispute: actFrom(DISPUTE_ACTIONS),
    tick: () => {
      store.transaction(() => {
        runDueJobs(context(null, null));
        pruneKeys(store, clock);
      });
    },
  };
}
