// An operator at the API: acts under a key, with who and why, and reads what is on record.
import { randomUUID } from 'node:crypto';

import type { CheckoutAction } from '../../contracts/operations';
import { ADMIN_TOKEN, type World } from './world';

export const OPERATOR = 'operator-7';
export const REASON = 'a test asks for it';

export interface OperationBody {
  operation_id: string;
  state: string;
  operator: string;
  reason: string;
  request: Record<string, unknown>;
  refusal: string | null;
  code?: string;
  detail: string | null;
  result: Record<string, unknown> | null;
  before: Snapshot | null;
  after: Snapshot | null;
}

/** As the record has it; of a checkout, these members at least. */
export interface Snapshot extends Record<string, unknown> {
  status?: string;
}

export interface OperatorAnswer {
  status: number;
  body: OperationBody;
}

const ACTS: Readonly<Record<CheckoutAction, { path: string; fields?: object }>> = {
  cancel: { path: 'cancel' },
  extend: { path: 'extend', fields: { seconds: 60 } },
  ask_stripe: { path: 'ask-stripe' },
  reclaim: { path: 'reclaim' },
  refund: { path: 'refund' },
};

export function actOn(
  world: Pick<World, 'apiUrl'>,
  action: CheckoutAction,
  checkoutId: string,
  { fields, key }: { fields?: object; key?: string } = {},
): Promise<OperatorAnswer> {
  const { path, fields: usual } = ACTS[action];
  return operate(world, `checkouts/${checkoutId}/${path}`, { ...usual, ...fields }, key);
}

/** `path` is under `/api/admin/`; who and why are added unless `fields` says otherwise. */
export async function operate(
  { apiUrl }: Pick<World, 'apiUrl'>,
  path: string,
  fields: object = {},
  key: string = `operator-${randomUUID()}`,
): Promise<OperatorAnswer> {
  const response = await fetch(`${apiUrl}/api/admin/${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': key,
      authorization: `Bearer ${ADMIN_TOKEN}`,
    },
    body: JSON.stringify({ operator: OPERATOR, reason: REASON, ...fields }),
  });
  return { status: response.status, body: (await response.json()) as OperationBody };
}

/** `path` is under `/api/admin/`, with its query. */
export async function readAdmin<Body>({ apiUrl }: Pick<World, 'apiUrl'>, path: string): Promise<Body> {
  const response = await fetch(`${apiUrl}/api/admin/${path}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const body = (await response.json()) as Body;
  if (response.status !== 200) throw new Error(`${path} answered ${response.status} ${JSON.stringify(body)}`);
  return body;
}
