// Hands a checkout to settlement: for money and rows that no running checkout will judge.
import type { Client } from '@temporalio/client';

import { SETTLEMENT_WORKFLOW_TYPE } from '../contracts/messages';
import { settlementStart } from '../contracts/settlement-start';

const SETTLEMENT_DEADLINE_MS = 5_000;

/**
 * Starts `settle-<checkoutId>`, or wakes the one that runs. Safe to repeat: settlement re-reads everything.
 * @throws ServiceError when Temporal does not take it within 5 s.
 */
export async function startSettlement(client: Client, checkoutId: string): Promise<void> {
  await client.withDeadline(Date.now() + SETTLEMENT_DEADLINE_MS, () =>
    client.workflow.signalWithStart(SETTLEMENT_WORKFLOW_TYPE, settlementStart(checkoutId)),
  );
}
