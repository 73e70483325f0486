// Reading request bodies, bounded.

import type { IncomingMessage } from 'node:http';
import { StripeApiError } from '../errors';

const BODY_BYTES_MAX = 256 * 1024;

/** The body as text. Throws 413 when it is larger than any real request; the rest is not read. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw new StripeApiError(413, {
        type: 'invalid_request_error',
        message: `The request body is larger than ${BODY_BYTES_MAX} bytes.`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
