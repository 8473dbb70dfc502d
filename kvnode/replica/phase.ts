// The phase of an ownership: whether it serves, or is about to end by a hand-over (R8) or a replacement (S2).
//
//   serving    nothing below is under way
//   sealed     S2: new writes wait, reads go on. Owner and in-sync set stay as they are
//   draining   R8: new writes wait for the next owner, reads go on
//   stopped    R8: no reads and no writes, because the compare-and-set on the descriptor was issued

import type { NodeId } from '../../common/model/ids.ts';

type State =
  | { readonly kind: 'serving' }
  | { readonly kind: 'sealed' }
  | {
      readonly kind: 'draining';
      readonly to: NodeId;
      readonly since: number;
      /** R5: the reason is that nothing commits. */
      readonly isStuck: boolean;
      askedSession: boolean;
    }
  | { readonly kind: 'stopped' };

const SERVING: State = { kind: 'serving' };

export class Phase {
  #state: State = SERVING;

  get isServing(): boolean {
    return this.#state.kind === 'serving';
  }

  get isSealed(): boolean {
    return this.#state.kind === 'sealed';
  }

  get isStopped(): boolean {
    return this.#state.kind === 'stopped';
  }

  /** The transferee of a hand-over that is being prepared; null: none is. */
  get drainsTo(): NodeId | null {
    return this.#state.kind === 'draining' ? this.#state.to : null;
  }

  seal(): void {
    this.#state = { kind: 'sealed' };
  }

  drain(to: NodeId, since: number, isStuck: boolean): void {
    this.#state = { kind: 'draining', to, since, isStuck, askedSession: false };
  }

  serve(): void {
    this.#state = SERVING;
  }

  /** R8: the transferee, once, when its session is to be read: no entry waits any more, or `patienceMs` are over. */
  takeTransferee(now: number, isDrained: boolean, patienceMs: number): NodeId | null {
    const state = this.#state;
    if (state.kind !== 'draining' || state.askedSession) return null;
    if (!isDrained && now - state.since < patienceMs) return null;
    state.askedSession = true;
    return state.to;
  }

  /** R8. Returns whether the hand-over was begun because nothing commits. */
  stop(): boolean {
    const isStuck = this.#state.kind === 'draining' && this.#state.isStuck;
    this.#state = { kind: 'stopped' };
    return isStuck;
  }
}
