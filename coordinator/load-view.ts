// The part of a cluster view that comes from the nodes' load reports. load-history.ts makes it.

import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { LoadRecord, RangeLoadRecord } from '../common/model/load.ts';

/** Why a node should own less than its share. */
export type Strain = 'slow' | 'overloaded';

export interface NodeLoadView {
  readonly record: LoadRecord;
  /** How long this leader has had the report, ms. */
  readonly ageMs: number;
  readonly strain: Strain | null;
}

export interface RangeLoadView extends Omit<RangeLoadRecord, 'range'> {
  /** It follows from what was reported of the range's parents: its owner has not reported it yet. */
  readonly isEstimated: boolean;
  /** How long hardly anything was asked of the range, ms; 0: it is busy, or nobody knows. */
  readonly coldForMs: number;
  /** How long this leader has known the range, ms. */
  readonly knownForMs: number;
  /** How often in a row a split of the range, or of what it came from, has left nearly all of the load in one child: this one. */
  readonly splitsInVain: number;
}

export interface LoadView {
  /** Of live nodes. */
  readonly nodes: ReadonlyMap<NodeId, NodeLoadView>;
  /** Of ranges in state `serving`. One of which nothing was ever reported is missing. */
  readonly ranges: ReadonlyMap<RangeId, RangeLoadView>;
}

export const NO_LOADS: LoadView = { nodes: new Map(), ranges: new Map() };
