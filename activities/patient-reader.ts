// Reading many payments one after the other, slowly, without one of them standing in the way of all that follow.
import { ApplicationFailure } from '@temporalio/activity';

/** Five a second, far below what Stripe allows and buyers need. */
export const PACE_MS = 200;

/** More in a row is not about one payment: Stripe, Temporal or the network is away. */
const FAILURES_IN_A_ROW_MAX = 3;

export class PatientReader {
  private failures = 0;

  /** The last one could be read. */
  get isWell(): boolean {
    return this.failures === 0;
  }

  /**
   * Runs `act`; a failure of its own is answered as `unreadable`, once it was told to whom it concerns.
   * @throws the failure itself, for Temporal to try again later, when it is the third in a row, or Stripe refuses our key.
   */
  async tryOne<T>(act: () => Promise<T>): Promise<T | 'unreadable'> {
    try {
      const answer = await act();
      this.failures = 0;
      return answer;
    } catch (error) {
      this.failures += 1;
      const isOurKey = error instanceof ApplicationFailure && error.type === 'Stripe:unauthorized';
      if (isOurKey || this.failures >= FAILURES_IN_A_ROW_MAX) throw error;
      return 'unreadable';
    }
  }
}
