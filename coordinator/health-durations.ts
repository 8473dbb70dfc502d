// The part of a cluster view that comes from the nodes' health reports, and how long each report has been the same, by the
// leader's own clock.

import type { Env } from '../common/base/env.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { HealthRecord, LiveNode, NodeRecord } from '../common/model/records.ts';
import { CatchUps } from './catch-ups.ts';
import type { ClusterView, Versioned } from './cluster-view.ts';
import { Connectivity } from './connectivity.ts';
import { Durations } from './durations.ts';

/** Separates the parts of a key. No id contains it. */
const SEPARATOR = ' ';

export class HealthDurations {
  readonly #unreachable: Durations<string>;
  readonly #stuck: Durations<string>;
  readonly #unreachableBy: Durations<NodeId>;
  readonly #stuckNoted: Durations<NodeId>;
  readonly #catchUps = new CatchUps();

  constructor(env: Pick<Env, 'now'>) {
    this.#unreachable = new Durations(env);
    this.#stuck = new Durations(env);
    this.#unreachableBy = new Durations(env);
    this.#stuckNoted = new Durations(env);
  }

  /** Must be called for every cluster view: a report that was withdrawn in between starts to count anew. */
  update(
    nodes: ReadonlyMap<NodeId, Versioned<NodeRecord>>,
    live: ReadonlyMap<NodeId, LiveNode>,
    health: ReadonlyMap<NodeId, HealthRecord>,
    ranges: readonly DescriptorImage[],
  ): Pick<ClusterView, 'connectivity' | 'unreachableForMs' | 'stuckForMs' | 'stuckNotedForMs' | 'caughtUp'> {
    const connectivity = new Connectivity(
      live.keys(),
      nested(this.#unreachable.update(unreachablePairs(health))),
    );
    const unreachableBy = [...live.keys()].flatMap((node): [NodeId, string][] => {
      const from = connectivity.unreachableBy(node);
      return from.length === 0
        ? []
        : [[node, `${connectivity.cutOff.has(node)}${SEPARATOR}${from.join(SEPARATOR)}`]];
    });
    const stuckNoted = new Map(
      [...live].flatMap(([node, { session }]): [NodeId, string][] => {
        return nodes.get(node)?.record.noted?.stuckIn === session ? [[node, session]] : [];
      }),
    );
    const stuck = nested(this.#stuck.update(stuckReplicas(health, ranges)));
    return {
      connectivity,
      stuckNotedForMs: this.#stuckNoted.update(stuckNoted),
      caughtUp: this.#catchUps.update(stuckNoted, ranges),
      unreachableForMs: this.#unreachableBy.update(new Map(unreachableBy)),
      stuckForMs: new Map([...stuck].map(([node, forMs]) => [node, byRange(forMs)])),
    };
  }
}

function unreachablePairs(health: ReadonlyMap<NodeId, HealthRecord>): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const [from, { unreachable }] of health)
    for (const node of unreachable) pairs.set(`${from}${SEPARATOR}${node}`, '');
  return pairs;
}

/** Only the present owner's report counts. With another owner the time starts anew. */
function stuckReplicas(
  health: ReadonlyMap<NodeId, HealthRecord>,
  ranges: readonly DescriptorImage[],
): ReadonlyMap<string, string> {
  const owners = new Map(ranges.map(({ descriptor }) => [descriptor.id, descriptor.owner.node]));
  const replicas = new Map<string, string>();
  for (const [owner, { stuck }] of health)
    for (const [node, ids] of Object.entries(stuck))
      for (const id of ids) if (owners.get(id) === owner) replicas.set(`${node}${SEPARATOR}${id}`, owner);
  return replicas;
}

function nested(forMs: ReadonlyMap<string, number>): Map<string, Map<string, number>> {
  const byFirst = new Map<string, Map<string, number>>();
  for (const [key, ms] of forMs) {
    const at = key.indexOf(SEPARATOR);
    const inner = byFirst.get(key.slice(0, at)) ?? new Map<string, number>();
    byFirst.set(key.slice(0, at), inner.set(key.slice(at + 1), ms));
  }
  return byFirst;
}

function byRange(forMs: ReadonlyMap<string, number>): ReadonlyMap<RangeId, number> {
  return new Map([...forMs].map(([id, ms]) => [Number(id), ms]));
}
