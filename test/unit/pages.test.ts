// What a run that leaves its history behind does first in the new one.
import type { CheckoutCommand } from '../../workflows/decision/commands';
import { endingRound } from '../../workflows/decision/ending';
import { leftToDo } from '../../workflows/decision/pages';

test('a round of ending is done as it was decided', () => {
  const round = endingRound({ n: 3, pauseSeconds: 40, isReleased: false, isVoid: true });
  expect(leftToDo(round)).toEqual([
    { do: 'renew_lease' },
    { do: 'end_payment', n: 3, isReleased: false, isVoid: true },
  ]);
});

test('a capture that has not been sent begins with another look at the units', () => {
  expect(leftToDo([{ do: 'capture', n: 2 }])).toEqual([{ do: 'secure_units' }]);
});

test('a release without proof that was put off is not left out', () => {
  const left: CheckoutCommand[] = [
    { do: 'release', status: 'expired', failureCode: 'payment_unresolved', eventIds: ['evt_1'] },
    { do: 'end_payment', n: 0, isReleased: true, isVoid: false },
  ];
  expect(leftToDo(left)).toEqual(left);
});
