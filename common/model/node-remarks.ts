// Remarks about a node, in words. They help to tell apart nodes of the same name, for example a node that came back under a new id
// after its disk was emptied.

import { formatDuration } from '../base/duration.ts';
import type { NodeId } from './ids.ts';
import type { Standing, Unreachable } from './records.ts';

export interface NodeFacts {
  readonly id: NodeId;
  readonly name: string;
  readonly alive: boolean;
  readonly standing: Standing;
  /** The leader's note about its connections. */
  readonly unreachable: Unreachable | null;
  /** The leader's note that replicas on it do not catch up. */
  readonly stuck: boolean;
}

/** The remarks about a node, besides whether it is live. @param now Unix ms */
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
  if (alive && stuck) remarks.push('replicas on it do not catch up, so it gets no new ones for now');
  const namesakes = all.filter(({ id, name }) => id !== node.id && name === node.name).map(({ id }) => id);
  if (namesakes.length > 0) remarks.push(`same name as ${namesakes.join(', ')}`);
  return remarks;
}
