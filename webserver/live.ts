// Keeps the state of the feed up to date: waits a moment for further changes, computes the state anew, and publishes what
// changed. Nodes are asked for their status only while a page is connected.

import type { Env, Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { ViewSource } from './cluster-view.ts';
import { diff, type FeedChange, type FeedState } from './feed.ts';
import { feedState } from './page-state.ts';
import { Statuses } from './statuses.ts';

/** Changes within this time become one message, ms. */
const BATCH_MS = 40;

export interface LiveOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly source: ViewSource;
  /** The namespace that the page opens with. */
  readonly namespace: string;
  readonly ask: (node: NodeId) => Promise<NodeStatus>;
  /** How often nodes are asked for their status, ms. */
  readonly statusMs: number;
  /** Called with each change of `state`. */
  readonly publish: (change: FeedChange) => void;
}

export class Live {
  #state: FeedState;
  readonly #options: LiveOptions;
  readonly #statuses: Statuses;
  readonly #unsubscribe: () => void;
  #pendingUpdate: Timer | null = null;

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
    this.#state = this.#computeState(null);
    this.#unsubscribe = source.onChange(() => {
      // A new node is asked at once. The others are asked again, unless a request to them is under way.
      if (source.view.live.some(({ id }) => !this.#statuses.reports.has(id))) this.#statuses.askAll();
      this.#changed();
    });
  }

  get state(): FeedState {
    return this.#state;
  }

  /** @param watched whether a page is connected */
  setWatched(watched: boolean): void {
    if (watched) this.#statuses.start();
    else this.#statuses.stop();
    this.#changed();
  }

  close(): void {
    this.#unsubscribe();
    this.#statuses.stop();
    this.#pendingUpdate?.cancel();
  }

  #changed(): void {
    this.#pendingUpdate ??= this.#options.env.after(BATCH_MS, () => {
      this.#pendingUpdate = null;
      const next = this.#computeState(this.#state);
      const change = diff(this.#state, next);
      this.#state = next;
      if (change !== null) this.#options.publish(change);
    });
  }

  #computeState(before: FeedState | null): FeedState {
    const { env, source, namespace } = this.#options;
    return feedState({
      view: source.view,
      reports: this.#statuses.reports,
      before,
      now: env.wallNow(),
      namespace,
    });
  }
}
