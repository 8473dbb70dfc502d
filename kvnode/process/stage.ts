// How far a node process has come, in words for people: what `/readyz` answers until the node serves. It decides nothing.

export class Stage {
  #missing: () => string | null = () => 'starting';

  /** What the process waits for or does now, or why it cannot work; null: it is ready for work. */
  get missing(): string | null {
    return this.#missing();
  }

  enter(text: string): void {
    this.#missing = () => text;
  }

  /** From now on it serves; `whyNot` says whether it can at the moment: null, or what is wrong. */
  ready(whyNot: () => string | null): void {
    this.#missing = whyNot;
  }
}
