// Search attributes: made sure of before a worker takes work, because an unregistered one blocks a workflow for ever.
import { setTimeout as pause } from 'node:timers/promises';

import type { ConnectionLike } from '@temporalio/client';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes';
import type { SearchAttributeKey, SearchAttributeType } from '@temporalio/common/lib/search-attributes';

type Key = SearchAttributeKey<SearchAttributeType>;
type OperatorConnection = Pick<ConnectionLike, 'operatorService'>;

const LISTED_TIMEOUT_MS = 30_000;
const LISTED_PAUSE_MS = 100;
/** gRPC ALREADY_EXISTS: another worker was faster. */
const ALREADY_EXISTS = 6;

/** Its message is one line with the exact command that an administrator has to run. */
export class SearchAttributesError extends Error {
  override readonly name = 'SearchAttributesError';
}

/**
 * Adds the missing keys through the operator API and waits (30 s at most) until the server lists them.
 * @throws SearchAttributesError where that is not permitted, a name exists with another type, or the wait ends.
 */
export async function ensureSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
  keys: readonly Key[],
): Promise<void> {
  const missing = await missingKeys(connection, namespace, keys);
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((key) => [key.name, indexedType(key)])),
    });
  } catch (err) {
    if (!isAlreadyExists(err))
      throw new SearchAttributesError(instruction(namespace, missing), { cause: err });
  }
  await waitUntilListed(connection, namespace, keys);
}

async function waitUntilListed(
  connection: OperatorConnection,
  namespace: string,
  keys: readonly Key[],
): Promise<void> {
  const deadline = Date.now() + LISTED_TIMEOUT_MS;
  let missing = await missingKeys(connection, namespace, keys);
  while (missing.length > 0) {
    if (Date.now() > deadline) throw new SearchAttributesError(instruction(namespace, missing));
    await pause(LISTED_PAUSE_MS);
    missing = await missingKeys(connection, namespace, keys);
  }
}

async function missingKeys(
  connection: OperatorConnection,
  namespace: string,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  const { customAttributes } = await listAttributes(connection, namespace, keys);
  const listed = new Map(Object.entries(customAttributes ?? {}));
  for (const key of keys) {
    const type = listed.get(key.name);
    if (type !== undefined && type !== indexedType(key)) {
      throw new SearchAttributesError(
        `The search attribute ${key.name} of namespace ${namespace} exists with another type than ${key.type}.`,
      );
    }
  }
  return keys.filter((key) => !listed.has(key.name));
}

async function listAttributes(connection: OperatorConnection, namespace: string, keys: readonly Key[]) {
  try {
    return await connection.operatorService.listSearchAttributes({ namespace });
  } catch (err) {
    throw new SearchAttributesError(instruction(namespace, keys), { cause: err });
  }
}

function indexedType(key: Key): number {
  const type = encodeSearchAttributeIndexedValueType(key.type);
  if (type === undefined) throw new Error(`Unknown search attribute type ${key.type}`);
  return type;
}

function instruction(namespace: string, keys: readonly Key[]): string {
  const command = keys
    .map((key) => `--name ${key.name} --type ${cliType(key.type)}`)
    .reduce(
      (line, part) => `${line} ${part}`,
      `temporal operator search-attribute create --namespace ${namespace}`,
    );
  return `Temporal lacks search attributes and does not let this worker add them. Run: ${command}`;
}

/** `KEYWORD_LIST` is `KeywordList` to the CLI. */
function cliType(type: SearchAttributeType): string {
  return type
    .split('_')
    .map((word) => `${word.charAt(0)}${word.slice(1).toLowerCase()}`)
    .join('');
}

function isAlreadyExists(err: unknown): boolean {
  return err instanceof Error && 'code' in err && err.code === ALREADY_EXISTS;
}
