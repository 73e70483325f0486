// Who listens to the live streams in a test file, so that all of them can be left.
import { checkoutToken } from '../../platform/tokens';
import { EventStream } from '../support/event-stream';
import { until } from '../support/until';
import { TOKEN_SECRET, type BareApi } from './bare-api';

/** Those that have not been left yet. */
export const streams: EventStream[] = [];

export const tokenOf = (checkoutId: string) => checkoutToken(TOKEN_SECRET, checkoutId);

async function listen(api: BareApi, path: string, token?: string): Promise<EventStream> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const stream = await EventStream.open(`${api.url}${path}`, headers);
  streams.push(stream);
  return stream;
}

export const listenTo = (api: BareApi, checkoutId: string) =>
  listen(api, `/api/checkouts/${checkoutId}/events`, tokenOf(checkoutId));

export const listenToDrop = (api: BareApi, dropId: string) => listen(api, `/api/drops/${dropId}/events`);

export const leaveAll = () => Promise.all(streams.splice(0).map((stream) => stream.leave()));

export const seen = (stream: EventStream, count: number) =>
  until(`${count} events`, async () => stream.events.length >= count && stream.events);
