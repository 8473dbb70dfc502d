// What happens to a replica. The node feeds these to Replica.step() as they come.

import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { Inc, NodeId, Seq, SessionId } from '../../common/model/ids.ts';
import type { CasOutcome } from './descriptor-change.ts';
import type { Append, AppendAck, LiveStandings } from './replica-messages.ts';

export type ReplicaEvent =
  /** A read of the range's descriptor, with this node's session at that time. */
  | { readonly kind: 'image'; readonly image: DescriptorImage; readonly session: SessionId | null }
  | { readonly kind: 'session-ended' }
  | { readonly kind: 'live'; readonly nodes: LiveStandings }
  /** There is a new connection to this node: what was sent before may be lost. */
  | { readonly kind: 'reachable'; readonly node: NodeId }
  | { readonly kind: 'append'; readonly from: NodeId; readonly message: Append }
  | { readonly kind: 'append-ack'; readonly from: NodeId; readonly message: AppendAck }
  | { readonly kind: 'synced'; readonly group: number }
  | { readonly kind: 'applied'; readonly seq: Seq }
  | { readonly kind: 'cas-outcome'; readonly expected: number; readonly outcome: CasOutcome }
  | { readonly kind: 'session-read'; readonly node: NodeId; readonly session: SessionId | null }
  | { readonly kind: 'snapshot-sent'; readonly to: NodeId; readonly inc: Inc; readonly installed: boolean }
  /** R8, asked by the node (SIGTERM, draining, a disk in trouble): to whoever is best. */
  | { readonly kind: 'hand-over' }
  /**
   * `quietMs`: how long followers that have everything may be left in silence. `pausedMs`: how long there was no tick on this
   * node.
   */
  | { readonly kind: 'tick'; readonly quietMs: number; readonly pausedMs: number };
