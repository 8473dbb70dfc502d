// What the leader notes in the nodes' records, for everybody who lists nodes and for the leaders after it: since when a node is
// down, who has no connection with a live one, and that replicas on it catch up with nothing. A note is made once its cause has
// lasted for a while, and taken back as soon as the cause is gone.

import type { NodeId } from '../../common/model/ids.ts';
import { NOTHING_NOTED, type NodeNote, type Unreachable } from '../../common/model/records.ts';
import { hasStuckReplica, nameOf, type View } from '../cluster-view.ts';
import type { NoteChange, Noted } from '../step.ts';
import type { Draft } from './draft.ts';

/**
 * A node on which replicas caught up with nothing gets no more of them for so many times `replaceAfterMs`, unless it restarts or
 * one of them catches up after all.
 */
const STUCK_NOTE_TIMES = 10;

export function planNotes(draft: Draft): void {
  for (const [node, before] of draft.view.nodes) {
    const known = before.record.noted ?? NOTHING_NOTED;
    const note = draft.view.live.has(node) ? noteOfLive(draft, node, known) : noteOfDown(draft, node, known);
    const story = storyOf(draft.view, known, note);
    if (story === null) continue;
    const [change, text] = story;
    const reason = `${nameOf(draft.view, node)} ${text}`;
    draft.add({ kind: 'note-node', change, before, note, task: null, reason });
  }
}

function noteOfDown({ view, config }: Draft, node: NodeId, known: NodeNote): Noted {
  const downForMs = view.sameForMs.get(node) ?? 0;
  if (known.downSince === null && downForMs < config.noteAfterMs) return asKnown(known);
  return { downForMs, apart: null, stuckIn: null };
}

function noteOfLive({ view, config }: Draft, node: NodeId, known: NodeNote): Noted {
  const forMs = view.apartForMs.get(node) ?? 0;
  const by = view.reach.apartFrom(node);
  const apart = { by, cutOff: view.reach.cutOff.has(node), forMs };
  const lasts = forMs >= config.noteAfterMs;
  return {
    downForMs: null,
    apart: by.length === 0 ? null : lasts ? apart : asKnown(known).apart,
    stuckIn: stuckIn({ view, config }, node, known),
  };
}

/** The session for which replicas on the node are known to catch up with nothing. */
function stuckIn(
  { view, config }: Pick<Draft, 'view' | 'config'>,
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

function asKnown({ downSince, unreachable, stuckIn: session }: NodeNote): Noted {
  return {
    downForMs: downSince === null ? null : 0,
    apart: unreachable === null ? null : { ...unreachable, forMs: 0 },
    stuckIn: session ?? null,
  };
}

/** What is new about it; null: nothing. */
function storyOf(view: View, known: NodeNote, note: Noted): readonly [NoteChange, string] | null {
  const { downForMs, apart } = note;
  if (apart !== null && !isSame(known.unreachable, apart)) {
    const consequence = apart.cutOff ? ': it gets no replicas and no ranges' : '';
    const names = apart.by.map((node) => nameOf(view, node)).join(', ');
    return ['node-unreachable', `has no connection with ${names}${consequence}`];
  }
  if (note.stuckIn !== null && note.stuckIn !== known.stuckIn)
    return ['node-stuck', 'gets no more replicas for now: those on it catch up with nothing'];
  if (downForMs !== null && known.downSince === null)
    return ['node-down', `is down: it has had no session for ${Math.round(downForMs)} ms`];
  if (downForMs === null && known.downSince !== null) return ['node-up', 'is live again'];
  if (apart === null && known.unreachable !== null)
    return ['node-reachable', 'is connected with all other nodes again'];
  if (note.stuckIn === null && (known.stuckIn ?? null) !== null)
    return ['node-unstuck', 'may get replicas again'];
  return null;
}

function isSame(known: Unreachable | null, { by, cutOff }: Pick<Unreachable, 'by' | 'cutOff'>): boolean {
  return known !== null && known.cutOff === cutOff && known.by.join() === by.join();
}
