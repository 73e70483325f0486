// Executing a call the way a fault says: later, not at all, after somebody else, or with another answer.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../context';
import { targetOf } from '../faults';
import type { FaultRule } from '../faults';
import { randomId } from '../ids';
import { operationByName } from '../operations';
import type { Route } from '../operations';
import type { Simulator } from '../simulator';
import { execute } from './execute';
import type { ApiCall } from './execute';
import { faultOutcome, storedOutcome } from './spoilt';

/** Waiting for a spoilt answer must not keep the process alive. */
export function wait(milliseconds: number): Promise<void> {
  return sleep(milliseconds, undefined, { ref: false });
}

/** Waits, lets the other operation go first, then executes or not, as the fault says. */
export async function perform(
  simulator: Simulator,
  call: ApiCall,
  route: Route,
  fault: FaultRule | undefined,
): Promise<Outcome> {
  const context = simulator.context(call.requestId, call.keyed?.key ?? null);
  if (!fault) return execute(context, call);
  if (fault.latencyMs > 0) await wait(fault.latencyMs);
  if (fault.meanwhile) runMeanwhile(simulator, fault, targetOf(route, call.form));
  const intent = () => simulator.store.get('payment_intents', targetOf(route, call.form))?.object;
  const { reply, effect } = fault;
  if (effect === 'none') {
    const status =
      typeof reply === 'object' ? reply : { status: 500, code: undefined, shouldRetry: undefined };
    // A lost request (hang, drop, truncate, foreign) leaves no trace; an error of Stripe's is kept like any other.
    const stored = { ...faultOutcome(status, intent()) };
    const outcome = { ...stored, isStored: stored.isStored && typeof reply === 'object' };
    return execute(context, { ...call, operation: { ...call.operation, run: () => outcome } });
  }
  if (typeof reply !== 'object') return execute(context, call);
  let spoilt: Outcome | undefined;
  execute(context, call, (real) => {
    spoilt = faultOutcome(reply, intent());
    return storedOutcome(spoilt, real);
  });
  if (!spoilt) throw new Error('a fault was not applied');
  return spoilt;
}

/** Somebody else's call that happens to come first; its own refusal is nobody's business but the log's. */
function runMeanwhile(simulator: Simulator, fault: FaultRule, target: string): void {
  const { operation: name, params } = fault.meanwhile ?? { operation: '', params: {} };
  const { id, ...form } = params;
  const subject = typeof id === 'string' ? id : target;
  const context = simulator.context(null, null);
  const operation = operationByName(name);
  if (!operation) {
    try {
      simulator.act(name.replace('payment_intents.', ''), subject);
    } catch (error) {
      simulator.log.warn({ err: error, operation: name, id: subject }, 'meanwhile refused');
    }
    return;
  }
  const about =
    name === 'refunds.create' && !form['payment_intent'] ? { ...form, payment_intent: subject } : form;
  const call = {
    operation,
    id: subject,
    form: about,
    audience: 'secret',
    requestId: randomId(simulator.random, 'req', 14),
  } as const;
  const outcome = execute(context, { ...call, keyed: undefined });
  simulator.log.info({ operation: name, id: subject, status: outcome.status }, 'meanwhile executed');
}
