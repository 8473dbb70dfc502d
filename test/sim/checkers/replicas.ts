// Checker 5: replicas of a range hold the same at the same seq, whenever they are looked at; and once all is quiet they
// are at the same seq.

import type { Violation } from '../history.ts';
import { groupBy } from './grouping.ts';

const CHECKER = 'replicas';

/** What one replica's state was at a moment. */
export interface ReplicaSample {
  readonly node: string;
  readonly range: number;
  /** What is applied. */
  readonly seq: number;
  /** Of all that is replicated: rows with their revisions, client sessions. */
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

/** @param samples one of each replica, all taken when nothing was under way any more */
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
