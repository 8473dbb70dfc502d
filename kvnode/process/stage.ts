// How far a node process has come, in words for people. `/readyz` shows it until the node serves. It decides nothing.

export class Stage {
  #notReadyReason: () => string | null = () => 'starting';

  /** What the process waits for or does now, or why it cannot work; null if it is ready. */
  get notReadyReason(): string | null {
    return this.#notReadyReason();
  }

  /** @param text what the process does or waits for from now on */
  enter(text: string): void {
    this.#notReadyReason = () => text;
  }

  /** The process serves from now on. `reason` says whether it can at the moment: null, or what is wrong. */
  ready(reason: () => string | null): void {
    this.#notReadyReason = reason;
  }
}
