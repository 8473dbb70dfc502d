// A coordinator, assembled as in coordinator/main.ts, over the twins of ZooKeeper and the clock.

import { connectZk } from '../../common/zk/zk.ts';
import { DEFAULT_LEADER } from '../../coordinator/config.ts';
import { Coordinator } from '../../coordinator/coordinator.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

/** Reasons for replacing a replica although its node is live. */
const IS_ON_LIVE_NODE = /has had no connection with its owner|has made no progress in catching up/;

/** What a leader has done, and when, ms of the world's clock. */
export interface LeaderStep {
  readonly at: number;
  readonly reason: string;
}

/** What the leader decides by itself, by its reasons. A campaign must reach each of them. */
export const DECISIONS: readonly (readonly [counter: string, reason: RegExp])[] = [
  ['split for size', /bytes, and \d+ are allowed/],
  ['split for load', /the pieces get/],
  ['isolated for load', /and is isolated$/],
  ['merged because small and cold', /both are small/],
];

export class CoordinatorProcess {
  readonly host: Host;
  readonly #deps: Omit<NodeDeps, 'applied'>;
  readonly #steps: LeaderStep[];
  #coordinator: Coordinator | null = null;

  /** @param steps takes what it does as the leader */
  constructor(deps: Omit<NodeDeps, 'applied'>, host: Host, steps: LeaderStep[]) {
    this.#deps = deps;
    this.#steps = steps;
    this.host = host;
  }

  get leads(): boolean {
    return this.host.process.alive && this.#coordinator?.role === 'leader';
  }

  start(): void {
    const { world, ensemble, settings } = this.#deps;
    const process = this.host.boot();
    process.onCrash = (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      world.violation('process', `${this.host.name} crashed: ${text}`);
    };
    process.gate(() => {
      const { env } = process;
      const { logger } = this.host;
      const zk = connectZk({
        connect: ensemble.connectString,
        config: settings.session,
        env,
        logger,
        openLink: linksOf(ensemble, process),
      });
      this.#coordinator = new Coordinator({
        zk,
        env,
        logger,
        record: { host: this.host.name, pid: 1, address: `${this.host.name}:1` },
        config: {
          ...DEFAULT_LEADER,
          pollMs: settings.session.pollMs,
          initialNodes: settings.nodes,
          replaceAfterMs: settings.replaceAfterMs,
          balanceAfterMs: settings.balanceAfterMs,
          ...settings.decisions,
        },
        tickMs: settings.tickMs,
        roleChanged: (role) => world.story.record(this.host.name, `is ${role}`),
        committed: (step) => {
          world.story.count(`step-${step.kind}`);
          this.#steps.push({ at: world.clock.now, reason: step.reason });
          const [decision] = DECISIONS.filter(([, reason]) => reason.test(step.reason));
          if (step.kind === 'reshape' && decision !== undefined) world.story.count(decision[0]);
          if (step.kind === 'range' && step.change === 'raise-epoch') world.story.count('epoch-raised');
          if (step.kind === 'range' && step.change === 'add-replica' && IS_ON_LIVE_NODE.test(step.reason))
            world.story.count('replaced on a live node');
        },
      });
      this.#coordinator.run().catch((error) => process.crash(error));
    })();
  }
}
