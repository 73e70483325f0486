// The secrets of a stack that has its own database: made once, kept beside it, never printed.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../processes/errors';
import { writeAtOnce } from './data-folder';

export interface Secrets {
  checkoutTokenSecret: string;
  adminToken: string;
}

/**
 * The given secrets, completed from `secrets.json` in the data folder, which is made (mode 0600) when missing.
 * @throws SetupError when the file is there but cannot be read: new secrets would void every checkout token
 */
export function readSecrets(dataDir: string, given: Partial<Secrets>): Secrets {
  const path = join(dataDir, 'secrets.json');
  const kept = existsSync(path) ? parse(path) : create(path);
  return {
    checkoutTokenSecret: given.checkoutTokenSecret ?? kept.checkoutTokenSecret,
    adminToken: given.adminToken ?? kept.adminToken,
  };
}

function create(path: string): Secrets {
  const secrets = { CHECKOUT_TOKEN_SECRET: token(), ADMIN_TOKEN: token() };
  writeAtOnce(path, secrets);
  return { checkoutTokenSecret: secrets.CHECKOUT_TOKEN_SECRET, adminToken: secrets.ADMIN_TOKEN };
}

function parse(path: string): Secrets {
  const damaged = new SetupError(`${path} is damaged. Restore it, or remove it to have new secrets made.`);
  let content: Record<string, unknown>;
  try {
    content = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch {
    throw damaged;
  }
  const { CHECKOUT_TOKEN_SECRET: checkoutTokenSecret, ADMIN_TOKEN: adminToken } = content;
  if (typeof checkoutTokenSecret !== 'string' || typeof adminToken !== 'string') throw damaged;
  return { checkoutTokenSecret, adminToken };
}

function token(): string {
  return randomBytes(32).toString('base64url');
}
