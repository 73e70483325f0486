// Manual capture, for checkout and settlement: hold the units, then take the authorised money.
import type { CaptureOutcome } from '../../activities/capture-payment';
import type { Unwinding } from '../../contracts/checkout';

export type CapturedAnswer = CaptureOutcome | { outcome: 'not_taken' };

export interface Capturing {
  /** Part of the Stripe key: one more after every definite answer that was no success. */
  n: number;
  pauseSeconds: number;
}

export type CapturingMove =
  | { next: 'round'; capturing: Capturing }
  | { next: 'pause'; capturing: Capturing; pauseMs: number }
  | { next: 'captured' }
  /** The money will never come, or its units are gone: what is authorised is let go. */
  | { next: 'lost'; why: keyof typeof CAPTURE_UNWINDINGS };

/** Why a capture that cannot be ends the checkout. What is still authorised is let go: that is free. */
export const CAPTURE_UNWINDINGS = {
  failed: { status: 'payment_failed', failureCode: 'capture_failed', isVoid: true },
  units_gone: { status: 'canceled', failureCode: 'sold_out_before_capture', isVoid: true },
} as const satisfies Record<string, Unwinding>;

const PAUSE_FIRST_SECONDS = 5;

export function beginCapturing(): Capturing {
  return { n: 0, pauseSeconds: PAUSE_FIRST_SECONDS };
}

/** What an attempt's answer means. Each attempt begins with the units; none is sent without them. */
export function judgeCaptured(
  capturing: Capturing,
  { outcome }: CapturedAnswer,
  pauseMaxSeconds: number,
): CapturingMove {
  switch (outcome) {
    case 'captured':
      return { next: 'captured' };
    case 'failed':
      return { next: 'lost', why: 'failed' };
    case 'hold_max_reached':
      return { next: 'lost', why: 'units_gone' };
    case 'not_taken':
      return { next: 'round', capturing };
    case 'again':
      return pause({ ...capturing, n: capturing.n + 1 }, pauseMaxSeconds);
    case 'kept':
      return pause(capturing, pauseMaxSeconds);
  }
}

function pause(capturing: Capturing, pauseMaxSeconds: number): CapturingMove {
  const { pauseSeconds } = capturing;
  return {
    next: 'pause',
    capturing: { ...capturing, pauseSeconds: Math.min(pauseSeconds * 2, pauseMaxSeconds) },
    pauseMs: pauseSeconds * 1000,
  };
}
