// The leader's notes in the nodes' records: since when a node is down, which nodes have no connection with a live node, and that
// replicas on a node do not catch up. Lists of nodes show them, and the next leader reads them. A note is made once its cause has
// lasted for `noteAfterMs` or `replaceAfterMs`, and taken back as soon as the cause is gone.

import type { NodeId } from '../../common/model/ids.ts';
import { NOTHING_NOTED, type NodeNote, type Unreachable } from '../../common/model/records.ts';
import { type ClusterView, hasStuckReplica, nameOf } from '../cluster-view.ts';
import type { NoteChange, NoteDurations } from '../step.ts';
import type { PlanBuilder } from './plan-builder.ts';

/**
 * A node on which replicas do not catch up gets no new ones for this many times `replaceAfterMs`. It gets some earlier if it
 * restarts, or if one of its replicas catches up after all.
 */
const STUCK_NOTE_TIMES = 10;

export function planNotes(builder: PlanBuilder): void {
  for (const [node, before] of builder.view.nodes) {
    const known = before.record.noted ?? NOTHING_NOTED;
    const note = builder.view.live.has(node)
      ? noteOfLive(builder, node, known)
      : noteOfDown(builder, node, known);
    const described = describeChange(builder.view, known, note);
    if (described === null) continue;
    const [change, text] = described;
    const reason = `${nameOf(builder.view, node)} ${text}`;
    builder.add({ kind: 'note-node', change, before, note, task: null, reason });
  }
}

function noteOfDown({ view, config }: PlanBuilder, node: NodeId, known: NodeNote): NoteDurations {
  const downForMs = view.sameForMs.get(node) ?? 0;
  if (known.downSince === null && downForMs < config.noteAfterMs) return unchanged(known);
  return { downForMs, unreachable: null, stuckIn: null };
}

function noteOfLive({ view, config }: PlanBuilder, node: NodeId, known: NodeNote): NoteDurations {
  const forMs = view.unreachableForMs.get(node) ?? 0;
  const by = view.connectivity.unreachableBy(node);
  const unreachable = { by, cutOff: view.connectivity.cutOff.has(node), forMs };
  const lasts = forMs >= config.noteAfterMs;
  return {
    downForMs: null,
    unreachable: by.length === 0 ? null : lasts ? unreachable : unchanged(known).unreachable,
    stuckIn: stuckIn({ view, config }, node, known),
  };
}

/** The node's session in which replicas on it do not catch up; null: they do, as far as is known. */
function stuckIn(
  { view, config }: Pick<PlanBuilder, 'view' | 'config'>,
  node: NodeId,
  known: NodeNote,
): string | null {
  const session = view.live.get(node)?.session ?? null;
  if (hasStuckReplica(view, node, config.replaceAfterMs)) return session;
  const over =
    view.caughtUp.has(node) ||
    (view.stuckNotedForMs.get(node) ?? 0) >= STUCK_NOTE_TIMES * config.replaceAfterMs;
  return known.stuckIn === session && !over ? session : null;
}

function unchanged({ downSince, unreachable, stuckIn: session }: NodeNote): NoteDurations {
  return {
    downForMs: downSince === null ? null : 0,
    unreachable: unreachable === null ? null : { ...unreachable, forMs: 0 },
    stuckIn: session ?? null,
  };
}

/** The kind of the event and a clause about the node, if `note` says something new; else null. */
function describeChange(
  view: ClusterView,
  known: NodeNote,
  note: NoteDurations,
): readonly [NoteChange, string] | null {
  const { downForMs, unreachable } = note;
  if (unreachable !== null && !isSame(known.unreachable, unreachable)) {
    const consequence = unreachable.cutOff ? ': it gets no replicas and no ranges' : '';
    const names = unreachable.by.map((node) => nameOf(view, node)).join(', ');
    return ['node-unreachable', `has no connection with ${names}${consequence}`];
  }
  if (note.stuckIn !== null && note.stuckIn !== known.stuckIn)
    return ['node-stuck', 'gets no new replicas for now: those on it do not catch up'];
  if (downForMs !== null && known.downSince === null)
    return ['node-down', `is down: it has had no session for ${Math.round(downForMs)} ms`];
  if (downForMs === null && known.downSince !== null) return ['node-up', 'is live again'];
  if (unreachable === null && known.unreachable !== null)
    return ['node-reachable', 'is connected with all other nodes again'];
  if (note.stuckIn === null && (known.stuckIn ?? null) !== null)
    return ['node-unstuck', 'may get new replicas again'];
  return null;
}

function isSame(known: Unreachable | null, { by, cutOff }: Pick<Unreachable, 'by' | 'cutOff'>): boolean {
  return known !== null && known.cutOff === cutOff && known.by.join() === by.join();
}
