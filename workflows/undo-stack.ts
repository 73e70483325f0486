// Undos, registered before their steps and run in reverse. One may find that facts have overtaken the unwinding.

/** Answers `undone`, or the turn that the saga takes instead of unwinding further. */
export type Undo<Reason, Turn> = (reason: Reason) => Promise<'undone' | Turn>;

export class UndoStack<Reason, Turn> {
  private readonly undos: Undo<Reason, Turn>[] = [];

  /** Call before the step: an undo must also be right when its step never happened, and when it runs twice. */
  add(undo: Undo<Reason, Turn>): void {
    this.undos.push(undo);
  }

  /**
   * Runs the undos from the newest to the oldest until one answers with a turn. All stay registered, because the saga
   * may have to unwind again. The oldest undo of a saga ends it, so it never answers `undone`.
   */
  async unwind(reason: Reason): Promise<Turn> {
    for (const undo of this.undos.toReversed()) {
      const answer = await undo(reason);
      if (answer !== 'undone') return answer;
    }
    throw new Error('The oldest undo must end the saga.');
  }
}
