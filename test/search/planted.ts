// Bugs that a saga like this one has had somewhere, planted one at a time: each must be found.
import { decide } from '../../workflows/decision/checkout';
import { decideSettlement } from '../../workflows/decision/settlement';
import { newWorld } from './moves';
import { PRODUCT, type Rules } from './rules';
import type { World } from './world';

export interface Planted {
  bug: string;
  rules: Partial<Rules>;
  world: () => World;
  /** How the search must say what came of it. */
  found: RegExp;
}

/** The units go back as soon as the deadline has passed; whether the payment ends is never asked. */
const releaseFirst: Rules['decide'] = (state, event) => {
  const decision = decide(state, event);
  const { step } = decision.state;
  if (step.at !== 'ending' || step.why.status === 'refused') return decision;
  const { status, failureCode } = step.why;
  return {
    state: { ...decision.state, step: { at: 'releasing' } },
    commands: [{ do: 'release', status, failureCode, eventIds: [] }],
  };
};

/** Once the units are gone, money that comes is nobody's business. */
const ignoreLateMoney: Pick<Rules, 'decide' | 'decideSettlement'> = {
  decide: (state, event) => {
    const isLate = state.step.at === 'ending' && state.step.ending.isReleased;
    if (!isLate || event.type !== 'ended' || event.ended.outcome !== 'succeeded') return decide(state, event);
    return decide(state, { ...event, ended: { outcome: 'canceled' } });
  },
  decideSettlement: (state, event) => {
    const isLate = state.step.at === 'ending' && state.step.as === null;
    if (!isLate || event.type !== 'ended' || event.ended.outcome !== 'succeeded')
      return decideSettlement(state, event);
    return decideSettlement(state, { ...event, ended: { outcome: 'canceled' } });
  },
};

/** The deadline has passed, so whatever is authorised is let go. */
const voidAtDeadline: Rules['decide'] = (state, event) => {
  const { state: next, commands } = decide(state, event);
  const isExpiring = next.step.at === 'ending' && next.step.why.status === 'expired';
  const changed = commands.map((one) =>
    isExpiring && one.do === 'end_payment' ? { ...one, isVoid: true } : one,
  );
  return { state: next, commands: changed };
};

const automatic = (left: Partial<World['left']>) => () =>
  newWorld({ captureMethod: 'automatic', buyers: 1, left });
const manual = (left: Partial<World['left']>) => () => newWorld({ captureMethod: 'manual', buyers: 1, left });

export const PLANTED: readonly Planted[] = [
  {
    bug: 'release before end',
    rules: { decide: releaseFirst },
    world: automatic({}),
    found: /released although the payment had not ended/,
  },
  {
    bug: 'every cancel error read as canceled',
    rules: { isEveryCancelErrorCanceled: true },
    world: automatic({}),
    found: /released although the payment had not ended/,
  },
  {
    bug: 'confirm without checking the reservation',
    rules: { isConfirmBlind: true },
    world: automatic({ lapse: 1, rival: 1 }),
    found: /one unit has become none or several/,
  },
  {
    bug: 'late success ignored',
    rules: ignoreLateMoney,
    world: automatic({ holdMax: 1, trouble: 1 }),
    found: /leads to an end/,
  },
  {
    bug: 'new key per retry',
    rules: { isNewKeyPerTry: true },
    world: automatic({ trouble: 1 }),
    found: /two payments can be made/,
  },
  {
    bug: 'refund without key',
    rules: { isRefundWithoutKey: true },
    world: automatic({ lapse: 1, rival: 1, trouble: 1 }),
    found: /leads to an end/,
  },
  {
    bug: 'requires_capture voided at the deadline',
    rules: { decide: voidAtDeadline },
    world: manual({}),
    found: /authorised payment was let go/,
  },
];

export function withBug({ rules }: Planted): Rules {
  return { ...PRODUCT, ...rules };
}
