// What a coordinator shows of itself at its health endpoint.

import { isInSync } from '../common/model/descriptor.ts';
import type { Pages } from '../common/net/http.ts';
import { type Counter, type Labels, Metrics } from '../common/net/metrics.ts';
import { ownerIsLive, type View } from './cluster-view.ts';
import type { Coordinator } from './coordinator.ts';
import type { Step } from './step.ts';

export class CoordinatorMetrics {
  readonly pages: Pages;
  readonly #metrics = new Metrics();
  readonly #steps = new Map<string, Counter>();

  /** Asked only when somebody looks; null while it starts. */
  constructor(coordinator: () => Coordinator | null) {
    const role = () => coordinator()?.role ?? 'connecting';
    const view = () => coordinator()?.view ?? null;
    this.pages = {
      livez: () => null,
      readyz: () => (role() === 'connecting' ? 'waiting for ZooKeeper' : null),
      metrics: () => this.#metrics.text(),
    };
    const gauge = (name: string, help: string, read: (view: View) => number) => {
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
      'Of live nodes that others have no connection with: how many those are.',
      () => unreachableNodes(view()),
    );
    gauge('stuck_replicas', 'Replicas that catch up with nothing, as their owners report.', countStuck);
    gauge('lagging_replicas', 'Replicas outside the in-sync set of their range.', countLagging);
  }

  count(step: Step): void {
    const kind = step.kind === 'range' || step.kind === 'note-node' ? step.change : step.kind;
    const known = this.#steps.get(kind);
    const counter = known ?? this.#stepCounter(kind);
    counter.add();
  }

  #stepCounter(kind: string): Counter {
    const help = 'Steps that this coordinator has carried out as leader.';
    const counter = this.#metrics.counter('rangekeeper_coordinator_steps_total', help, { kind });
    this.#steps.set(kind, counter);
    return counter;
  }
}

function countOwnerless(view: View): number {
  return view.ranges.filter(({ descriptor }) => !ownerIsLive(view, descriptor)).length;
}

function countLagging(view: View): number {
  let count = 0;
  for (const { descriptor } of view.ranges) {
    count += descriptor.replicas.filter(({ node }) => !isInSync(descriptor, node)).length;
  }
  return count;
}

function countStuck(view: View): number {
  let count = 0;
  for (const ranges of view.stuckForMs.values()) count += ranges.size;
  return count;
}

function unreachableNodes(view: View | null): readonly (readonly [Labels, number])[] {
  return [...(view?.nodes ?? [])].flatMap(([node, { record }]) => {
    const by = view?.reach.apartFrom(node) ?? [];
    return by.length === 0 ? [] : [[{ node, name: record.name }, by.length] as const];
  });
}
