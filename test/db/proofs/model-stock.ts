// The units of the model: products with their counters, and holds that take from them and give back.

export interface ModelLine {
  product: string;
  units: number;
}

type HoldStatus = 'held' | 'confirmed' | 'released' | 'expired';

export interface Hold {
  product: string;
  units: number;
  status: HoldStatus;
  /** The lease is over: whoever wants the units may have them. */
  isDead: boolean;
}

export interface ModelProduct {
  total: number;
  free: number;
  maxPerCustomer: number | null;
}

export abstract class StockModel {
  readonly products = new Map<string, ModelProduct>();

  /** Every hold there is, with its customer. */
  protected abstract owned(): [Hold, string | null][];

  cleanup(): string {
    return String(this.takeBack(() => true));
  }

  adjust(id: string, units: number): string {
    const product = this.product(id);
    if (product.free + units < 0) return 'error';
    product.free += units;
    product.total += units;
    return String(product.free);
  }

  /** Lines in the order of the products. Dead holds taken back on the way stay taken back, whatever comes of the order. */
  protected takeAll(lines: readonly ModelLine[], mayTakeBack = true): boolean {
    for (const [n, one] of lines.entries()) {
      const product = this.product(one.product);
      if (mayTakeBack && product.free < one.units) this.takeBack((hold) => hold.product === one.product);
      if (product.free < one.units) {
        for (const taken of lines.slice(0, n)) this.product(taken.product).free += taken.units;
        return false;
      }
      product.free -= one.units;
    }
    return true;
  }

  /** Ends the dead holds that are wanted; how many. */
  protected takeBack(isWanted: (hold: Hold, customer: string | null) => boolean): number {
    const dead = this.owned().filter(
      ([hold, owner]) => hold.status === 'held' && hold.isDead && isWanted(hold, owner),
    );
    for (const [hold] of dead) this.giveBack(hold, 'expired');
    return dead.length;
  }

  protected giveBack(hold: Hold, status: 'released' | 'expired'): void {
    hold.status = status;
    this.product(hold.product).free += hold.units;
  }

  protected product(id: string): ModelProduct {
    const product = this.products.get(id);
    if (!product) throw new Error('no such product');
    return product;
  }
}

/** One line a product, ascending. */
export function merged(lines: readonly ModelLine[]): ModelLine[] {
  const units = new Map<string, number>();
  for (const one of lines) units.set(one.product, (units.get(one.product) ?? 0) + one.units);
  return [...units].map(([product, sum]) => ({ product, units: sum })).sort(byProduct);
}

export function same(holds: readonly Hold[], lines: readonly ModelLine[]): boolean {
  const text = (all: readonly ModelLine[]) =>
    JSON.stringify([...all].sort(byProduct).map(({ product, units }) => [product, units]));
  return text(holds) === text(lines);
}

/** As UUIDs compare in the database: both are lower case. */
export function byProduct(a: ModelLine, b: ModelLine): number {
  return a.product < b.product ? -1 : 1;
}

export function sumOf(lines: readonly ModelLine[]): number {
  return lines.reduce((sum, one) => sum + one.units, 0);
}
