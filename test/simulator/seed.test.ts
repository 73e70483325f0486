// The same seed and the same calls, the same ids: a failing run can be played again.

import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../../local/stripe-simulator';
import { control, ORDER, sdk } from './support';

async function play(seed?: string): Promise<unknown[]> {
  const simulator = await startSimulator({ port: 0, dataDir: null, ...(seed && { seed }) });
  const stripe = sdk(simulator.port);
  const { secret } = await stripe.webhookEndpoints.create({
    url: 'http://127.0.0.1:1/nowhere',
    enabled_events: ['*'],
  });
  await control(simulator.url, 'POST', 'webhooks', { mode: 'drop' });
  const paid = await stripe.paymentIntents.create({
    ...ORDER,
    confirm: true,
    payment_method: 'pm_card_visa',
  });
  const refund = await stripe.refunds.create({ payment_intent: paid.id, amount: 100 });
  const account = await stripe.accounts.retrieveCurrent();
  const events = (await stripe.events.list()).data.map(({ id, type }) => `${type} ${id}`);
  await simulator.close();
  return [account.id, secret, paid.id, paid.client_secret, paid.latest_charge, refund.id, ...events];
}

test('two runs with one seed are alike, with another seed or none they are not', async () => {
  const first = await play('one');
  expect(await play('one')).toEqual(first);
  for (const other of [await play('two'), await play()]) {
    expect(first.filter((text) => other.includes(text))).toEqual([]);
  }
});

test('a seed is refused with a journal, whose ids would come again', async () => {
  await expect(
    startSimulator({ port: 0, dataDir: path.join(os.tmpdir(), 'never-made'), seed: 'one' }),
  ).rejects.toThrow('in memory');
});
