// How far a node process has come, in words for people: what `/readyz` answers until the node serves. It decides nothing.

export class Stage {
  #missing: string | null = 'starting';

  /** What the process waits for or does now; null: it is ready for work. */
  get missing(): string | null {
    return this.#missing;
  }

  enter(text: string): void {
    this.#missing = text;
  }

  ready(): void {
    this.#missing = null;
  }
}
