// Checker 5: replicas of a range hold the same data at the same seq at any time, and once nothing is under way any more they are
// at the same seq.

import type { Violation } from '../history.ts';
import { groupBy } from './grouping.ts';

const CHECKER = 'replicas';

/** The state of one replica at a moment. */
export interface ReplicaSample {
  readonly node: string;
  readonly range: number;
  /** The seq of the last applied entry. */
  readonly seq: number;
  /** Any text that is equal for equal replicated data: rows with their revisions, client sessions. */
  readonly checksum: string;
}

export function checkReplicasAgree(samples: readonly ReplicaSample[]): readonly Violation[] {
  const first = new Map<string, ReplicaSample>();
  const violations: Violation[] = [];
  for (const sample of samples) {
    const place = `${sample.range}/${sample.seq}`;
    const other = first.get(place);
    if (other === undefined) first.set(place, sample);
    else if (other.checksum !== sample.checksum) {
      const { node, range, seq } = sample;
      violations.push(say(`${other.node} and ${node} differ in range ${range} at seq ${seq}`));
    }
  }
  return violations;
}

/** @param samples one of each replica, all taken when no operation was under way any more */
export function checkReplicasSettled(samples: readonly ReplicaSample[]): readonly Violation[] {
  const behind = [...groupBy(samples, ({ range }) => range)].flatMap(([range, replicas]) => {
    const newest = Math.max(...replicas.map(({ seq }) => seq));
    return replicas
      .filter(({ seq }) => seq < newest)
      .map(({ node, seq }) => say(`${node} has settled at seq ${seq} of range ${range}, not at ${newest}`));
  });
  return [...checkReplicasAgree(samples), ...behind];
}

function say(text: string): Violation {
  return { checker: CHECKER, text, operations: [] };
}
