// The coordinator's health pages and metrics.

import { isInSync } from '../common/model/descriptor.ts';
import type { Pages } from '../common/net/http.ts';
import { type Counter, type Labels, Metrics } from '../common/net/metrics.ts';
import { type ClusterView, ownerIsLive } from './cluster-view.ts';
import type { Coordinator } from './coordinator.ts';
import type { Step } from './step.ts';

export class CoordinatorMetrics {
  readonly pages: Pages;
  readonly #metrics = new Metrics();
  readonly #steps = new Map<string, Counter>();

  /** @param coordinator called at each request for a page; null while the process starts */
  constructor(coordinator: () => Coordinator | null) {
    const role = () => coordinator()?.role ?? 'connecting';
    const view = () => coordinator()?.view ?? null;
    this.pages = {
      livez: () => null,
      readyz: () => (role() === 'connecting' ? 'waiting for ZooKeeper' : null),
      metrics: () => this.#metrics.text(),
    };
    const gauge = (name: string, help: string, read: (view: ClusterView) => number) => {
      this.#metrics.gauge(`rangekeeper_coordinator_${name}`, help, () => {
        const seen = view();
        return seen === null ? 0 : read(seen);
      });
    };
    this.#metrics.gauge('rangekeeper_coordinator_leader', '1 on the leader, 0 on a standby.', () =>
      role() === 'leader' ? 1 : 0,
    );
    gauge('live_nodes', 'Nodes with a live session, as the leader sees it.', (seen) => seen.live.size);
    gauge('ranges', 'Ranges, as the leader sees it.', (seen) => seen.ranges.length);
    gauge('ownerless_ranges', 'Ranges whose owner has no live session.', countOwnerless);
    this.#metrics.gauges(
      'rangekeeper_coordinator_node_unreachable',
      'How many live nodes have no connection with this live node.',
      () => unreachableNodes(view()),
    );
    gauge(
      'stuck_replicas',
      'Replicas that make no progress in catching up, as their owners report.',
      countStuck,
    );
    gauge('lagging_replicas', 'Replicas outside the in-sync set of their range.', countLagging);
  }

  count(step: Step): void {
    const kind = step.kind === 'range' || step.kind === 'note-node' ? step.change : step.kind;
    const known = this.#steps.get(kind);
    const counter = known ?? this.#stepCounter(kind);
    counter.add();
  }

  #stepCounter(kind: string): Counter {
    const help = 'Steps that this coordinator has executed as the leader.';
    const counter = this.#metrics.counter('rangekeeper_coordinator_steps_total', help, { kind });
    this.#steps.set(kind, counter);
    return counter;
  }
}

function countOwnerless(view: ClusterView): number {
  return view.ranges.filter(({ descriptor }) => !ownerIsLive(view, descriptor)).length;
}

function countLagging(view: ClusterView): number {
  let count = 0;
  for (const { descriptor } of view.ranges) {
    count += descriptor.replicas.filter(({ node }) => !isInSync(descriptor, node)).length;
  }
  return count;
}

function countStuck(view: ClusterView): number {
  let count = 0;
  for (const ranges of view.stuckForMs.values()) count += ranges.size;
  return count;
}

function unreachableNodes(view: ClusterView | null): readonly (readonly [Labels, number])[] {
  return [...(view?.nodes ?? [])].flatMap(([node, { record }]) => {
    const by = view?.connectivity.unreachableBy(node) ?? [];
    return by.length === 0 ? [] : [[{ node, name: record.name }, by.length] as const];
  });
}
