// Keeps the state of the feed up to date: waits a moment for further changes, computes the state anew, and publishes what
// changed. Nodes are asked for their status only while a page is connected.

import type { Env, Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { ViewSource } from './cluster-view.ts';
import { diff, type FeedChange, type FeedState, type RangeRow } from './feed.ts';
import { feedState } from './page-state.ts';
import { Statuses } from './statuses.ts';

/** Changes within this time become one message, ms. */
const BATCH_MS = 40;
/** While a range has just ended or is starting, nodes are asked so often (ms), and for so long. */
const SOON_MS = 100;
const SOON_FOR_MS = 2_000;

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
  #rangesSeen: ReadonlySet<RangeId> = new Set();
  #pendingUpdate: Timer | null = null;
  #askingSoon: Timer | null = null;

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
      // A new node is asked at once, and about new ranges their owners. A node that is being asked is not asked again.
      if (this.#hasNewNode() || this.#hasNewRange()) this.#statuses.askAll();
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
    this.#askingSoon?.cancel();
  }

  #hasNewNode(): boolean {
    return this.#options.source.view.live.some(({ id }) => !this.#statuses.reports.has(id));
  }

  #hasNewRange(): boolean {
    const seen = this.#rangesSeen;
    this.#rangesSeen = new Set(this.#options.source.view.ranges.map(({ descriptor }) => descriptor.id));
    return [...this.#rangesSeen].some((id) => !seen.has(id));
  }

  #changed(): void {
    this.#pendingUpdate ??= this.#options.env.after(BATCH_MS, () => {
      this.#pendingUpdate = null;
      const next = this.#computeState(this.#state);
      const change = diff(this.#state, next);
      this.#state = next;
      this.#askSoon();
      if (change !== null) this.#options.publish(change);
    });
  }

  #askSoon(): void {
    const { env } = this.#options;
    const now = env.wallNow();
    const isOnItsWay = ({ change, condition, since }: RangeRow) =>
      (change === 'replaced' || condition === 'starting') && since !== null && now - since < SOON_FOR_MS;
    if (!this.#state.ranges.some(isOnItsWay)) return;
    this.#askingSoon ??= env.after(SOON_MS, () => {
      this.#askingSoon = null;
      this.#statuses.askAll();
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
