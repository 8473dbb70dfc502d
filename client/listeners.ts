// The listeners of a client's events. Changes of ranges or nodes in one turn of the event loop are reported once.

import type { Env } from '../common/base/env.ts';
import type { ClientEvents } from './api.ts';
import { invalid, shown } from './arguments.ts';

export class Listeners {
  readonly #env: Env;
  readonly #sets: { readonly [E in keyof ClientEvents]: Set<ClientEvents[E]> } = {
    ranges: new Set(),
    nodes: new Set(),
    zookeeper: new Set(),
  };
  readonly #due = new Set<'ranges' | 'nodes'>();
  #zookeeper = true;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Throws INVALID_ARGUMENT. */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    if (!Object.hasOwn(this.#sets, event))
      invalid(`the events are ${Object.keys(this.#sets).join(', ')}, and not ${shown(event)}`);
    if (typeof listener !== 'function') invalid(`a listener is a function, not ${shown(listener)}`);
    this.#sets[event].add(listener);
    return () => this.#sets[event].delete(listener);
  }

  changed(event: 'ranges' | 'nodes'): void {
    if (this.#due.has(event)) return;
    this.#due.add(event);
    this.#env.soon(() => {
      this.#due.delete(event);
      for (const listener of [...this.#sets[event]]) listener();
    });
  }

  /** Reports the state of the connection to ZooKeeper if it has changed. */
  zookeeperIs(connected: boolean): void {
    if (connected === this.#zookeeper) return;
    this.#zookeeper = connected;
    for (const listener of [...this.#sets.zookeeper]) listener(connected);
  }
}
