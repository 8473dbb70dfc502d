// The load that nodes report, as the page shows it: of each range, and of each node what its ranges take and what its replicas hold.

import type { Descriptor } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { RangeLoadRecord } from '../common/model/load.ts';
import type { ClusterView } from './cluster-view.ts';
import type { LoadRow } from './feed.ts';

/** In cores. If all ranges together take less, parts of it say nothing. */
const BUSY_CPU = 0.01;

export interface NodeLoad {
  readonly share: number | null;
  readonly bytes: number | null;
}

export class PageLoad {
  readonly rows: readonly LoadRow[];
  readonly #nodes = new Map<NodeId, { cpu: number; bytes: number | null }>();
  readonly #cpu: number;

  constructor({ loads }: ClusterView, ranges: readonly Descriptor[]) {
    const reports = new Map([...loads].map(([node, { ranges }]) => [node, byRange(ranges)]));
    const rows: LoadRow[] = [];
    let all = 0;
    for (const { id, owner, replicas } of ranges) {
      // The report of a former owner is out of date.
      const load = reports.get(owner.node)?.get(id);
      if (load === undefined) continue;
      const { cpu, bytes } = load;
      rows.push({ range: id, reads: Math.round(load.reads), writes: Math.round(load.writes), bytes });
      all += cpu;
      this.#of(owner.node).cpu += cpu;
      for (const { node } of replicas) {
        const sum = this.#of(node);
        if (bytes !== null) sum.bytes = (sum.bytes ?? 0) + bytes;
      }
    }
    this.rows = rows;
    this.#cpu = all;
  }

  node(node: NodeId): NodeLoad {
    const { cpu, bytes } = this.#nodes.get(node) ?? { cpu: 0, bytes: null };
    return { share: this.#cpu < BUSY_CPU ? null : Math.round((cpu / this.#cpu) * 100) / 100, bytes };
  }

  #of(node: NodeId): { cpu: number; bytes: number | null } {
    const known = this.#nodes.get(node) ?? { cpu: 0, bytes: null };
    this.#nodes.set(node, known);
    return known;
  }
}

function byRange(ranges: readonly RangeLoadRecord[]): ReadonlyMap<RangeId, RangeLoadRecord> {
  return new Map(ranges.map((load) => [load.range, load]));
}
