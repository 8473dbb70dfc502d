// How old the view of the cluster is that `ranges`, `nodes` and others show: when ZooKeeper last confirmed it. While ZooKeeper is
// away, the client goes on with what it knew.

import { formatDuration } from '../common/base/duration.ts';

export class ViewAge {
  /** An instant of Env.now(). */
  #confirmedAt: number;

  constructor(now: number) {
    this.#confirmedAt = now;
  }

  confirm(now: number): void {
    this.#confirmedAt = now;
  }

  /** Such as `as of 14 s ago`. */
  age(now: number): string {
    return `as of ${formatDuration(now - this.#confirmedAt)} ago`;
  }
}
