// The calls that an AbortSignal may end. A signal may live long and be given to many calls, so there is one listener for each signal,
// and none while no call has it.

import { RangekeeperError } from '../common/base/errors.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { Peers } from '../common/net/peers.ts';

export interface Abortable {
  /** Ends the call. Not null: it ends once its request to this node is given up. */
  abort(): NodeId | null;
}

interface Group {
  readonly calls: Set<Abortable>;
  readonly aborted: () => void;
}

export class Aborts {
  readonly #peers: Pick<Peers, 'giveUp'>;
  readonly #groups = new Map<AbortSignal, Group>();

  constructor(peers: Pick<Peers, 'giveUp'>) {
    this.#peers = peers;
  }

  add(signal: AbortSignal, call: Abortable): void {
    const group = this.#groups.get(signal) ?? this.#listen(signal);
    group.calls.add(call);
  }

  delete(signal: AbortSignal, call: Abortable): void {
    const group = this.#groups.get(signal);
    if (group === undefined || !group.calls.delete(call) || group.calls.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener('abort', group.aborted);
  }

  #listen(signal: AbortSignal): Group {
    const group = { calls: new Set<Abortable>(), aborted: () => this.#abort(signal) };
    this.#groups.set(signal, group);
    signal.addEventListener('abort', group.aborted);
    return group;
  }

  /** Gives up the requests of all calls to one node together: each time costs as much as all requests that wait for that node. */
  #abort(signal: AbortSignal): void {
    const calls = [...(this.#groups.get(signal)?.calls ?? [])];
    const nodes = new Set<NodeId>();
    for (const call of calls) {
      const node = call.abort();
      if (node !== null) nodes.add(node);
    }
    const handlers = new Set<object>(calls);
    for (const node of nodes) this.#peers.giveUp(node, (handler) => handlers.has(handler), ABORTED);
  }
}

export const ABORTED = 'the call was aborted';

/** Throws ABORTED if the signal has aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new RangekeeperError('ABORTED', ABORTED, {}, signal.reason);
}
