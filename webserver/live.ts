// The picture of the cluster, kept up to date: gathers what changed in a moment, draws the picture once, and tells
// the pages what is new. Nodes are asked only while a page is connected.

import type { Env, Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { ViewSource } from './cluster-view.ts';
import { diff, type FeedChange, type FeedState } from './feed.ts';
import { picture } from './page-state.ts';
import { Statuses } from './statuses.ts';

/** Changes within this time, in ms, become one message. */
const GATHER_MS = 40;

export interface LiveOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly source: ViewSource;
  /** The namespace that the page opens with. */
  readonly namespace: string;
  readonly ask: (node: NodeId) => Promise<NodeStatus>;
  /** How often nodes are asked about themselves. */
  readonly statusMs: number;
  /** Called with each change of `state`, never with an empty one. */
  readonly publish: (change: FeedChange) => void;
}

export class Live {
  #state: FeedState;
  readonly #options: LiveOptions;
  readonly #statuses: Statuses;
  readonly #unsubscribe: () => void;
  #gathering: Timer | null = null;

  constructor(options: LiveOptions) {
    const { env, logger, source, ask, statusMs } = options;
    this.#options = options;
    this.#statuses = new Statuses({
      env,
      logger,
      periodMs: statusMs,
      nodes: () => source.view.live.map(({ id }) => id),
      ask,
      changed: () => this.#changed(),
    });
    this.#state = this.#draw(null);
    this.#unsubscribe = source.onChange(() => {
      // A node that has just come is worth asking at once; the others are not asked twice.
      if (source.view.live.some(({ id }) => !this.#statuses.words.has(id))) this.#statuses.askAll();
      this.#changed();
    });
  }

  get state(): FeedState {
    return this.#state;
  }

  /** Whether a page is connected. */
  watched(yes: boolean): void {
    if (yes) this.#statuses.start();
    else this.#statuses.stop();
    this.#changed();
  }

  close(): void {
    this.#unsubscribe();
    this.#statuses.stop();
    this.#gathering?.cancel();
  }

  #changed(): void {
    this.#gathering ??= this.#options.env.after(GATHER_MS, () => {
      this.#gathering = null;
      const next = this.#draw(this.#state);
      const change = diff(this.#state, next);
      this.#state = next;
      if (change !== null) this.#options.publish(change);
    });
  }

  #draw(before: FeedState | null): FeedState {
    const { env, source, namespace } = this.#options;
    return picture({
      view: source.view,
      words: this.#statuses.words,
      before,
      now: env.wallNow(),
      namespace,
    });
  }
}
