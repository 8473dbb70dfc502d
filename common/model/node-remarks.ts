// What is special about a node, in plain words: the same on the page and in the REPL. Two directories of one name, a wiped node
// that came back under a new id and nodes that are gone are told apart by it.

import { formatDuration } from '../base/duration.ts';
import type { NodeId } from './ids.ts';
import type { Standing, Unreachable } from './records.ts';

export interface NodeFacts {
  readonly id: NodeId;
  readonly name: string;
  readonly alive: boolean;
  readonly standing: Standing;
  /** As the leader has noted it. */
  readonly unreachable: Unreachable | null;
  /** Replicas there catch up with nothing. */
  readonly stuck: boolean;
}

/** What there is to say of a node beside whether it is live. `now`: Unix ms. */
export function nodeRemarks(node: NodeFacts, all: readonly NodeFacts[], now: number): readonly string[] {
  const { alive, standing, unreachable, stuck } = node;
  const remarks: string[] = [];
  if (alive && standing === 'stopping') remarks.push('stopping');
  if (alive && unreachable !== null) {
    const others = unreachable.by.map((id) => all.find((other) => other.id === id)?.name ?? id);
    const consequence = unreachable.cutOff ? ', so it gets no replicas and no ranges' : '';
    const forMs = formatDuration(now - unreachable.since);
    remarks.push(`no connection with ${others.sort().join(', ')} for ${forMs}${consequence}`);
  }
  if (alive && stuck)
    remarks.push('replicas on it catch up with nothing, so it gets no more of them for now');
  const namesakes = all.filter(({ id, name }) => id !== node.id && name === node.name).map(({ id }) => id);
  if (namesakes.length > 0) remarks.push(`same name as ${namesakes.join(', ')}`);
  return remarks;
}
