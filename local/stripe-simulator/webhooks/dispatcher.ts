// Deliveries in the background: due ones are sent, failed ones again later, finished ones kept for a while.

import type { Clock } from '../clock';
import { eventView } from '../events';
import type { Log } from '../log';
import { readMeta } from '../meta';
import type { Random } from '../random';
import type { DeliveryAttempt, DeliveryRecord } from '../records';
import type { Change, Store } from '../store';
import { signingSecrets } from './endpoints';
import { sendWebhook } from './sender';

const IN_FLIGHT_MAX = 64;
const FINISHED_KEPT_MAX = 20_000;
const TIMER_MS_MAX = 2 ** 31 - 1;

export type FlushOrder = 'created' | 'reverse' | 'shuffle';

export class Dispatcher {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly random: Random;
  private readonly stop = new AbortController();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  /** Ready or being sent: kept out of the schedule, so that nothing is sent twice at once. */
  private readonly inFlight = new Set<string>();
  private ready: string[] = [];
  /** Open requests. */
  private sending = 0;

  constructor(store: Store, clock: Clock, log: Log, random: Random) {
    this.store = store;
    this.clock = clock;
    this.log = log;
    this.random = random;
    store.onCommit((changes) => this.committed(changes));
  }

  /** Takes up what was pending when the process ended. */
  start(): void {
    for (const delivery of this.store.all('deliveries')) this.schedule(delivery);
  }

  /** After the clock moved: what became due is sent now. */
  reschedule(): void {
    for (const id of this.timers.keys()) {
      const delivery = this.store.get('deliveries', id);
      if (delivery) this.schedule(delivery);
    }
  }

  /**
   * Sends what is held, one after the other in the given order, so that the order is the receiver's order too.
   * Once the receiver gives no answer at all, the rest goes to the ordinary schedule. Resolves with how many were held.
   */
  async flush(order: FlushOrder): Promise<number> {
    const held = [...this.store.all('deliveries')].filter(({ state }) => state === 'held');
    if (order === 'reverse') held.reverse();
    if (order === 'shuffle') shuffle(held, this.random);
    for (const { id } of held) this.inFlight.add(id);
    let isAnswered = true;
    for (const delivery of held) {
      const due = this.write({ ...delivery, state: 'pending', dueAtMs: this.clock.nowMs() });
      if (isAnswered) {
        const attempt = await this.send(due);
        isAnswered = attempt === null || attempt.status !== null;
      } else {
        this.inFlight.delete(due.id);
        this.schedule(due);
      }
    }
    return held.length;
  }

  close(): void {
    this.stop.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.ready = [];
  }

  private committed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'deliveries' && change.record) this.schedule(change.record);
    }
  }

  private schedule(delivery: DeliveryRecord): void {
    const { id, state, dueAtMs } = delivery;
    if (state !== 'pending' || this.inFlight.has(id) || this.stop.signal.aborted) return;
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    const waitMs = dueAtMs - this.clock.nowMs();
    if (waitMs > 0) {
      const timer = setTimeout(() => this.enqueue(id), Math.min(waitMs, TIMER_MS_MAX));
      this.timers.set(id, timer.unref());
      return;
    }
    this.enqueue(id);
  }

  private enqueue(id: string): void {
    this.timers.delete(id);
    this.inFlight.add(id);
    this.ready.push(id);
    this.pump();
  }

  private pump(): void {
    while (this.sending < IN_FLIGHT_MAX) {
      const id = this.ready.shift();
      if (id === undefined) return;
      const delivery = this.store.get('deliveries', id);
      if (!delivery) {
        this.inFlight.delete(id);
        continue;
      }
      this.sending += 1;
      void this.send(delivery).finally(() => {
        this.sending -= 1;
        this.pump();
      });
    }
  }

  private async send(delivery: DeliveryRecord): Promise<DeliveryAttempt | null> {
    const event = this.store.get('events', delivery.event);
    const endpoint = this.store.get('webhook_endpoints', delivery.endpoint);
    if (!event || endpoint?.object.status !== 'enabled') {
      this.inFlight.delete(delivery.id);
      if (endpoint) this.write({ ...delivery, state: 'failed' });
      return null;
    }
    const payload = JSON.stringify(eventView(this.store, event), null, 2);
    const { policy, settings } = readMeta(this.store);
    const shipment = {
      url: endpoint.object.url,
      payload,
      secrets: signingSecrets(endpoint, this.clock.nowMs()),
      signature: policy.signature,
      timeoutMs: settings.webhook_timeout_ms,
    };
    const attempt = await sendWebhook(shipment, this.stop.signal);
    this.inFlight.delete(delivery.id);
    // Stopped while sending: the outcome is unknown, so the next start sends it again.
    if (!this.stop.signal.aborted) this.record(delivery.id, attempt);
    return attempt;
  }

  private record(id: string, attempt: DeliveryAttempt): void {
    const delivery = this.store.get('deliveries', id);
    if (!delivery) return;
    const attempts = [...delivery.attempts, attempt];
    const isTaken = attempt.status !== null && attempt.status >= 200 && attempt.status < 300;
    const waitSeconds = readMeta(this.store).settings.webhook_retry_seconds[attempts.length - 1];
    if (isTaken) {
      this.write({ ...delivery, attempts, state: 'delivered' });
      return;
    }
    this.log.warn({ event: delivery.event, status: attempt.status }, 'webhook not taken');
    if (waitSeconds === undefined) this.write({ ...delivery, attempts, state: 'failed' });
    else this.write({ ...delivery, attempts, dueAtMs: this.clock.nowMs() + waitSeconds * 1000 });
  }

  private write(delivery: DeliveryRecord): DeliveryRecord {
    return this.store.transaction(() => {
      this.forgetOldest();
      return this.store.put('deliveries', delivery);
    });
  }

  /** Memory bound: the oldest finished delivery goes when there are too many. */
  private forgetOldest(): void {
    if (this.store.count('deliveries') <= FINISHED_KEPT_MAX) return;
    const oldest = this.store.all('deliveries').next().value;
    if (oldest && oldest.state !== 'pending' && oldest.state !== 'held') {
      this.store.remove('deliveries', oldest.id);
    }
  }
}

function shuffle<T>(items: T[], random: Random): void {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    const [a, b] = [items[i], items[j]];
    if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a];
  }
}
