// For how long nodes have reported the same of their surroundings, by the leader's own clock: what of a view comes from the
// health znodes.

import type { Env } from '../common/base/env.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { HealthRecord, LiveNode, NodeRecord } from '../common/model/records.ts';
import { CatchUps } from './catch-ups.ts';
import type { Versioned, View } from './cluster-view.ts';
import { Reach } from './connectivity.ts';
import { Durations } from './durations.ts';

/** Between the parts of a key; no id contains it. */
const GAP = ' ';

export class HealthTimes {
  readonly #unreachable: Durations<string>;
  readonly #stuck: Durations<string>;
  readonly #apart: Durations<NodeId>;
  readonly #stuckNoted: Durations<NodeId>;
  readonly #catchUps = new CatchUps();

  constructor(env: Pick<Env, 'now'>) {
    this.#unreachable = new Durations(env);
    this.#stuck = new Durations(env);
    this.#apart = new Durations(env);
    this.#stuckNoted = new Durations(env);
  }

  /** To be called with every picture, so that nothing is taken for having lasted that was away in between. */
  update(
    nodes: ReadonlyMap<NodeId, Versioned<NodeRecord>>,
    live: ReadonlyMap<NodeId, LiveNode>,
    health: ReadonlyMap<NodeId, HealthRecord>,
    ranges: readonly DescriptorImage[],
  ): Pick<View, 'reach' | 'apartForMs' | 'stuckForMs' | 'stuckNotedForMs' | 'caughtUp'> {
    const reach = new Reach(live.keys(), nested(this.#unreachable.update(unreachablePairs(health))));
    const apart = [...live.keys()].flatMap((node): [NodeId, string][] => {
      const from = reach.apartFrom(node);
      return from.length === 0 ? [] : [[node, `${reach.cutOff.has(node)}${GAP}${from.join(GAP)}`]];
    });
    const stuckNoted = new Map(
      [...live].flatMap(([node, { session }]): [NodeId, string][] => {
        return nodes.get(node)?.record.noted?.stuckIn === session ? [[node, session]] : [];
      }),
    );
    const stuck = nested(this.#stuck.update(stuckReplicas(health, ranges)));
    return {
      reach,
      stuckNotedForMs: this.#stuckNoted.update(stuckNoted),
      caughtUp: this.#catchUps.update(stuckNoted, ranges),
      apartForMs: this.#apart.update(new Map(apart)),
      stuckForMs: new Map([...stuck].map(([node, forMs]) => [node, byRange(forMs)])),
    };
  }
}

function unreachablePairs(health: ReadonlyMap<NodeId, HealthRecord>): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const [from, { unreachable }] of health)
    for (const node of unreachable) pairs.set(`${from}${GAP}${node}`, '');
  return pairs;
}

/** Only the present owner's word counts; another owner begins to count anew. */
function stuckReplicas(
  health: ReadonlyMap<NodeId, HealthRecord>,
  ranges: readonly DescriptorImage[],
): ReadonlyMap<string, string> {
  const owners = new Map(ranges.map(({ descriptor }) => [descriptor.id, descriptor.owner.node]));
  const replicas = new Map<string, string>();
  for (const [owner, { stuck }] of health)
    for (const [node, ids] of Object.entries(stuck))
      for (const id of ids) if (owners.get(id) === owner) replicas.set(`${node}${GAP}${id}`, owner);
  return replicas;
}

function nested(forMs: ReadonlyMap<string, number>): Map<string, Map<string, number>> {
  const byFirst = new Map<string, Map<string, number>>();
  for (const [key, ms] of forMs) {
    const at = key.indexOf(GAP);
    const inner = byFirst.get(key.slice(0, at)) ?? new Map<string, number>();
    byFirst.set(key.slice(0, at), inner.set(key.slice(at + 1), ms));
  }
  return byFirst;
}

function byRange(forMs: ReadonlyMap<string, number>): ReadonlyMap<RangeId, number> {
  return new Map([...forMs].map(([id, ms]) => [Number(id), ms]));
}
