// How many calls one client takes in. What is asked of a cluster beyond what it can do must end somewhere: here, at once and
// for next to nothing, rather than after its deadline and at the cost of what is answered in time. So a call is refused
// (OVERLOADED) where those before it would, at the rate at which calls have been answered lately, use up more than a part of
// its deadline. The rate says what the cluster can do only while many calls wait for it; else it says what was asked, and
// every call is taken. A cluster that stands still for a moment answers nothing and thereby says nothing: calls wait for it.

/** Fewer calls are never refused. */
const BUSY_CALLS = 1_024;
/** More calls are always refused: a bound of memory. */
const CALLS_MAX = 65_536;
/** The rate is taken over so long. */
const WINDOW_MS = 100;
/** Part of its deadline after which a call's turn should have come: the rest is for what may go wrong. */
const DEADLINE_SHARE = 1 / 4;

export class Admission {
  private underWay = 0;
  /** Begin of the window, an instant of Env.now(); null while there is no load. */
  private windowFrom: number | null = null;
  private answered = 0;
  /** Calls answered in a millisecond, by the windows before; null: not known. */
  private rate: number | null = null;

  /** Whether there is room for one call more. `now` is an instant of Env.now(). */
  hasRoom(deadlineMs: number, now: number): boolean {
    if (this.underWay < BUSY_CALLS) {
      this.forget();
      return true;
    }
    this.measure(now);
    return this.underWay < this.roomFor(deadlineMs);
  }

  begun(): void {
    this.underWay++;
  }

  /** `answered`: the cluster has done what it could. */
  ended(answered: boolean): void {
    this.underWay--;
    if (answered) this.answered++;
  }

  private roomFor(deadlineMs: number): number {
    if (this.rate === null) return CALLS_MAX;
    return Math.min(CALLS_MAX, this.rate * deadlineMs * DEADLINE_SHARE);
  }

  private forget(): void {
    this.windowFrom = null;
    this.rate = null;
  }

  private measure(now: number): void {
    if (this.windowFrom === null) this.beginWindow(now);
    const ms = now - (this.windowFrom ?? now);
    if (ms < WINDOW_MS) return;
    // The first answers after a standstill come in a window that is mostly of it.
    if (this.answered > 0) this.rate = Math.max(this.answered / ms, (this.rate ?? 0) / 2);
    this.beginWindow(now);
  }

  private beginWindow(now: number): void {
    this.windowFrom = now;
    this.answered = 0;
  }
}
