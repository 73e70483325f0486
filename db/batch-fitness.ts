// Who may share one statement with others: what a batch cannot carry, or what the single function must name the fault of, goes alone.
import type { RequestedLine } from '../contracts/checkout';
import type { OpenInput } from './checkouts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const INT4_MAX = 2_147_483_647;
/** The bounds of the single function; what exceeds one is left for it to refuse. */
const LINES_MAX = 200;
const UNITS_MAX = 1_000_000;
const CUSTOMER_ID_MAX = 200;

export interface FitToOpen {
  /** Among the inputs. */
  position: number;
  input: OpenInput;
  /** One for each product, ascending by its id, as `open_checkouts` wants them. */
  lines: readonly RequestedLine[];
}

/** Those that may be opened together, in their order: sound, and each checkout once. */
export function fitToOpen(inputs: readonly OpenInput[]): FitToOpen[] {
  const taken = new Set<string>();
  const fit: FitToOpen[] = [];
  for (const [position, input] of inputs.entries()) {
    if (!isFit(input)) continue;
    const lines = mergeLines(input.lines);
    const id = input.checkoutId.toLowerCase();
    if (taken.has(id) || !lines.every((line) => line.quantity <= UNITS_MAX)) continue;
    taken.add(id);
    fit.push({ position, input, lines });
  }
  return fit;
}

export function isUuid(value: string): boolean {
  return UUID.test(value);
}

/** Who only asks whether units are free must not be refused for neighbours who only ask as well: that one goes alone, too. */
function isFit(input: OpenInput): boolean {
  return (
    input.isCheckOnly !== true &&
    isUuid(input.checkoutId) &&
    (input.customerId === null ||
      (input.customerId.length > 0 && input.customerId.length <= CUSTOMER_ID_MAX)) &&
    isWithin(input.windowSeconds, 1, INT4_MAX) &&
    isWithin(input.paymentAttemptsMax, 1, INT4_MAX) &&
    isWithin(input.reclaimGraceSeconds, 0, INT4_MAX) &&
    isWithin(input.lines.length, 1, LINES_MAX) &&
    input.lines.every((line) => isUuid(line.dropProductId) && isWithin(line.quantity, 1, UNITS_MAX))
  );
}

/** Lines of one product added up: checked one by one, each would pass. UUIDs in small letters sort as PostgreSQL sorts them. */
function mergeLines(lines: readonly RequestedLine[]): readonly RequestedLine[] {
  if (lines.length === 1) return lines;
  const units = new Map<string, number>();
  for (const { dropProductId, quantity } of lines) {
    const id = dropProductId.toLowerCase();
    units.set(id, (units.get(id) ?? 0) + quantity);
  }
  return [...units]
    .map(([dropProductId, quantity]) => ({ dropProductId, quantity }))
    .sort((a, b) => (a.dropProductId < b.dropProductId ? -1 : 1));
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
