// One page of Stripe's events, by `GET /v1/events`: newest first, at most 30 days back.
import type Stripe from 'stripe';
import { z } from 'zod';

import { UnreadableStripeReplyError } from './stripe';

const PAGE_MAX = 100;

const listSchema = z.object({
  object: z.literal('list'),
  has_more: z.boolean(),
  data: z.array(z.looseObject({ id: z.string().min(1), created: z.int().nonnegative() })),
});

export interface EventQuery {
  /** At most 20 whole names. */
  types: readonly string[];
  createdFromUnixSeconds: number;
  createdToUnixSeconds?: number;
  startingAfter: string | null;
  /** Only those that no webhook endpoint, or not every one, has taken. */
  isUndelivered?: boolean;
}

export interface ListedEvent {
  id: string;
  /** As Stripe sent it: whoever stores it reads it first. */
  body: unknown;
}

export interface EventPage {
  events: ListedEvent[];
  newestUnixSeconds: number | null;
  /** Where the next page begins; null after the last. */
  nextStartingAfter: string | null;
}

/** @throws Stripe's errors; UnreadableStripeReplyError when the reply is no list, or would lead in a circle. */
export async function listEvents(stripe: Stripe, query: EventQuery): Promise<EventPage> {
  const { types, createdFromUnixSeconds, createdToUnixSeconds, startingAfter, isUndelivered } = query;
  const reply: unknown = await stripe.events.list({
    limit: PAGE_MAX,
    types: [...types],
    created: {
      gte: createdFromUnixSeconds,
      ...(createdToUnixSeconds === undefined ? {} : { lte: createdToUnixSeconds }),
    },
    ...(startingAfter === null ? {} : { starting_after: startingAfter }),
    ...(isUndelivered === true ? { delivery_success: false } : {}),
  });
  const parsed = listSchema.safeParse(reply);
  if (!parsed.success) throw new UnreadableStripeReplyError('The reply is not a list of events.');
  const { data, has_more: hasMore } = parsed.data;
  const next = hasMore ? (data.at(-1)?.id ?? null) : null;
  if (hasMore && (next === null || next === startingAfter))
    throw new UnreadableStripeReplyError('The list of events does not go on.');
  return {
    events: data.map((event) => ({ id: event.id, body: event })),
    newestUnixSeconds: data.reduce<number | null>(
      (newest, { created }) => Math.max(newest ?? 0, created),
      null,
    ),
    nextStartingAfter: next,
  };
}
