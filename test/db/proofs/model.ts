// The inventory as plain objects in memory: what each call must answer and leave behind, one after the other, without locks or
// clock (time passes when a test says so). Whose dead holds are taken back, and when, follows the SQL: no rule fixes it.

import { byProduct, merged, same, StockModel, sumOf } from './model-stock';
import type { Hold, ModelLine } from './model-stock';

interface Checkout {
  customer: string | null;
  lines: ModelLine[];
  status: string;
  failure: string | null;
  isBound: boolean;
  holds: Hold[];
}

const OPEN = ['opening', 'awaiting_payment', 'payment_processing'];
const OPEN_CHECKOUTS_MAX = 10;

export interface OpenRequest {
  id: string;
  customer: string | null;
  lines: ModelLine[];
}

export class InventoryModel extends StockModel {
  readonly checkouts = new Map<string, Checkout>();
  readonly bare = new Map<string, Hold[]>();

  /** 'opened', or the failure, or for one that is closed its status. */
  open(request: OpenRequest): string {
    const known = this.checkouts.get(request.id);
    if (known) return answerOf(known);
    const lines = merged(request.lines);
    const failure = this.refusal(request.customer, lines, true);
    return this.write(request, lines, failure);
  }

  /**
   * A batch takes dead holds back before it decides: those of its customers, and those of products of which more is wanted than
   * is free. Then one member after the other.
   */
  openBatch(requests: readonly OpenRequest[]): string[] {
    const fresh = requests.filter(({ id }) => !this.checkouts.has(id));
    const wanted = merged(fresh.flatMap(({ lines }) => lines));
    const customers = new Set(requests.map(({ customer }) => customer));
    for (const { product, units } of wanted) {
      if (this.product(product).maxPerCustomer !== null) {
        this.takeBack((hold, owner) => hold.product === product && owner !== null && customers.has(owner));
      }
      if (units > this.product(product).free) this.takeBack((hold) => hold.product === product);
    }
    return requests.map((request) => {
      const known = this.checkouts.get(request.id);
      if (known) return answerOf(known);
      const lines = merged(request.lines);
      const failure = this.refusal(request.customer, lines, false);
      return this.write(request, lines, failure);
    });
  }

  bind(id: string): string {
    const checkout = this.checkouts.get(id);
    if (!checkout) return 'error';
    if (checkout.isBound) return 'bound';
    if (checkout.status !== 'opening') return 'closed';
    checkout.isBound = true;
    checkout.status = 'awaiting_payment';
    return 'bound';
  }

  closeUnbound(id: string): string {
    const checkout = this.checkouts.get(id);
    if (!checkout) {
      this.checkouts.set(id, { customer: null, lines: [], status: 'refused', failure: 'checkout_not_opened', isBound: false, holds: [] }); // prettier-ignore
      return 'refused';
    }
    if (checkout.status === 'opening') {
      this.endHolds(checkout, 'released');
      checkout.status = 'refused';
      checkout.failure = 'checkout_not_opened';
    }
    return OPEN.includes(checkout.status) ? 'bound' : checkout.status;
  }

  confirm(id: string): string {
    const checkout = this.checkouts.get(id);
    if (!checkout?.isBound) return 'error';
    if (['confirmed', 'refund_pending', 'refunded'].includes(checkout.status)) return checkout.status;
    const lost = checkout.holds.filter((hold) => hold.status !== 'held');
    if (this.takeAgain(checkout.customer, lost)) {
      for (const hold of checkout.holds) hold.status = 'confirmed';
      checkout.status = 'confirmed';
    } else {
      this.endHolds(checkout, 'released');
      checkout.status = 'refund_pending';
    }
    return checkout.status;
  }

  release(id: string, status: 'expired' | 'canceled'): string {
    const checkout = this.checkouts.get(id);
    if (!checkout || checkout.status === 'opening') return 'error';
    if (OPEN.includes(checkout.status)) {
      this.endHolds(checkout, status === 'expired' ? 'expired' : 'released');
      checkout.status = status;
    }
    return checkout.status;
  }

  /** Whether anything was still held. */
  renew(id: string): string {
    const checkout = this.checkouts.get(id);
    if (!checkout) return 'error';
    if (!OPEN.includes(checkout.status)) return 'false';
    const held = checkout.holds.filter((hold) => hold.status === 'held');
    for (const hold of held) hold.isDead = false;
    return String(held.length > 0);
  }

  letLeaseLapse(id: string): void {
    for (const hold of this.checkouts.get(id)?.holds ?? []) hold.isDead = true;
  }

  reserve(id: string, requested: readonly ModelLine[], isDead: boolean): string {
    const lines = merged(requested);
    const own = this.bare.get(id) ?? [];
    const alive = own.filter(
      (hold) => hold.status === 'confirmed' || (hold.status === 'held' && !hold.isDead),
    );
    if (alive.length > 0) return same(alive, lines) ? 'true' : 'error';
    this.takeBack((hold) => own.includes(hold));
    if (!this.takeAll(lines)) return 'false';
    const others = own.filter((hold) => lines.every(({ product }) => product !== hold.product));
    this.bare.set(id, [...others, ...lines.map((one) => ({ ...one, status: 'held' as const, isDead }))]);
    return 'true';
  }

  confirmBare(id: string): string {
    const own = this.bare.get(id) ?? [];
    const held = own.filter((hold) => hold.status === 'held');
    if (held.length === 0) return String(own.some((hold) => hold.status === 'confirmed'));
    if (held.some((hold) => hold.isDead)) {
      for (const hold of held) this.giveBack(hold, 'expired');
      return 'false';
    }
    for (const hold of held) hold.status = 'confirmed';
    return 'true';
  }

  releaseBare(id: string): string {
    const own = this.bare.get(id) ?? [];
    const held = own.filter((hold) => hold.status === 'held');
    for (const hold of held) this.giveBack(hold, 'released');
    if (held.length > 0) return 'true';
    return String(own.length > 0 && own.every((hold) => hold.status !== 'confirmed'));
  }

  private refusal(customer: string | null, lines: readonly ModelLine[], mayTakeBack: boolean): string | null {
    if (this.openCheckoutsOf(customer) >= OPEN_CHECKOUTS_MAX) return 'too_many_open_checkouts';
    if (this.isOverLimit(customer, lines)) return 'purchase_limit_reached';
    return this.takeAll(lines, mayTakeBack) ? null : 'insufficient_inventory';
  }

  private write(request: OpenRequest, lines: ModelLine[], failure: string | null): string {
    const checkout: Checkout = {
      customer: request.customer,
      lines,
      status: failure === null ? 'opening' : 'refused',
      failure,
      isBound: false,
      holds: failure === null ? lines.map((one) => ({ ...one, status: 'held', isDead: false })) : [],
    };
    this.checkouts.set(request.id, checkout);
    return answerOf(checkout);
  }

  /** Own dead holds first: an abandoned checkout uses up no limit. */
  private isOverLimit(customer: string | null, lines: readonly ModelLine[]): boolean {
    const limited = lines.filter(({ product }) => this.product(product).maxPerCustomer !== null);
    if (customer !== null) {
      this.takeBack(
        (hold, owner) => owner === customer && limited.some((one) => one.product === hold.product),
      );
    }
    return limited.some(({ product, units }) => {
      const taken = this.holdsOf(customer).filter(
        (hold) => hold.product === product && (hold.status === 'held' || hold.status === 'confirmed'),
      );
      return units + sumOf(taken) > (this.product(product).maxPerCustomer ?? Infinity);
    });
  }

  private openCheckoutsOf(customer: string | null): number {
    if (customer === null) return 0;
    return [...this.checkouts.values()].filter(
      (one) =>
        one.customer === customer &&
        OPEN.includes(one.status) &&
        one.holds.some((hold) => hold.status === 'held' && !hold.isDead),
    ).length;
  }

  private holdsOf(customer: string | null): Hold[] {
    if (customer === null) return [];
    return [...this.checkouts.values()]
      .filter((one) => one.customer === customer)
      .flatMap((one) => one.holds);
  }

  private takeAgain(customer: string | null, lost: readonly Hold[]): boolean {
    if (lost.length === 0) return true;
    const lines = [...lost].sort(byProduct);
    return !this.isOverLimit(customer, lines) && this.takeAll(lines);
  }

  protected owned(): [Hold, string | null][] {
    return [
      ...[...this.checkouts.values()].flatMap((one) =>
        one.holds.map((hold): [Hold, string | null] => [hold, one.customer]),
      ),
      ...[...this.bare.values()].flat().map((hold): [Hold, null] => [hold, null]),
    ];
  }

  private endHolds(checkout: Checkout, status: 'released' | 'expired'): void {
    for (const hold of checkout.holds) if (hold.status === 'held') this.giveBack(hold, status);
  }
}

function answerOf({ status, failure }: Checkout): string {
  if (OPEN.includes(status)) return 'opened';
  return status === 'refused' ? (failure ?? status) : status;
}
