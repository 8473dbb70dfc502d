// Admission control: how many calls one client accepts at once. If a program asks for more than the cluster can do, some calls must
// fail. They fail here at once (OVERLOADED), which costs little, rather than after their deadline, when they have slowed down calls
// that could have been answered in time.
//
// A call is refused if the calls before it would, at the rate at which calls were answered lately, use up more than a part of its
// deadline. The rate shows what the cluster can do only while many calls are under way. With fewer it shows what the program asked
// for, so every call is accepted. While nothing is answered, the rate is not updated: calls wait for a cluster that pauses.

/** With fewer calls under way, no call is refused. */
const BUSY_CALLS = 1_024;
/** With more calls under way, every call is refused. This bounds memory. */
const CALLS_MAX = 65_536;
/** The rate is measured over this time. */
const WINDOW_MS = 100;
/** The calls before a call may use up this part of its deadline. The rest is for failovers and retries. */
const DEADLINE_SHARE = 1 / 4;

export class Admission {
  #underWay = 0;
  /** When the window began, an instant of Env.now(); null while there is no load. */
  #windowFrom: number | null = null;
  #answered = 0;
  /** Calls answered per millisecond, from the windows before; null: not known. */
  #rate: number | null = null;

  /** Whether one more call is accepted. @param now an instant of Env.now() */
  hasRoom(deadlineMs: number, now: number): boolean {
    if (this.#underWay < BUSY_CALLS) {
      this.#forgetRate();
      return true;
    }
    this.#measure(now);
    return this.#underWay < this.#roomFor(deadlineMs);
  }

  begun(): void {
    this.#underWay++;
  }

  /** A call has ended. @param answered whether the cluster answered it, which counts for the rate */
  ended(answered: boolean): void {
    this.#underWay--;
    if (answered) this.#answered++;
  }

  #roomFor(deadlineMs: number): number {
    if (this.#rate === null) return CALLS_MAX;
    return Math.min(CALLS_MAX, this.#rate * deadlineMs * DEADLINE_SHARE);
  }

  #forgetRate(): void {
    this.#windowFrom = null;
    this.#rate = null;
  }

  #measure(now: number): void {
    if (this.#windowFrom === null) this.#beginWindow(now);
    const ms = now - (this.#windowFrom ?? now);
    if (ms < WINDOW_MS) return;
    // The window with the first answers after a pause consists mostly of the pause, so the rate falls by half at most.
    if (this.#answered > 0) this.#rate = Math.max(this.#answered / ms, (this.#rate ?? 0) / 2);
    this.#beginWindow(now);
  }

  #beginWindow(now: number): void {
    this.#windowFrom = now;
    this.#answered = 0;
  }
}
