// R3, the sending side: what an owner must send to a follower at a moment. Pure functions; sending.ts sends it.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Position, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import type { FollowerProgress } from './progress.ts';

/** A probe is an Append after `probeAt`, with EpochStart or without entries. A heartbeat has no entries, and follows all that was sent. */
export type Due = 'nothing' | 'probe' | 'entries' | 'heartbeat' | 'snapshot';

type DueConfig = Pick<ReplicationConfig, 'resendMs' | 'lagMs' | 'heartbeatMs' | 'inflightBytesMax'>;

export interface DueTimes {
  readonly config: DueConfig;
  readonly now: number;
}

/** @param heartbeatMs interval of heartbeats to a follower that has everything, ms */
export function dueTo(follower: FollowerProgress, log: LogState, times: DueTimes, heartbeatMs: number): Due {
  const { config, now } = times;
  switch (follower.state) {
    case 'probe': {
      const { probeSentAt } = follower;
      if (probeSentAt !== null && now - probeSentAt < config.resendMs) return 'nothing';
      return log.index.has(follower.probeAt) ? 'probe' : 'snapshot';
    }
    case 'snapshot': {
      const { failedAt } = follower;
      return failedAt === null || now - failedAt < config.lagMs ? 'nothing' : 'snapshot';
    }
    case 'stream':
      return dueToStream(follower, log, times, heartbeatMs);
  }
}

function dueToStream(
  follower: FollowerProgress,
  log: LogState,
  { config, now }: DueTimes,
  heartbeatMs: number,
): Due {
  if (follower.next <= log.index.lastSeq && follower.hasRoom(config.inflightBytesMax)) {
    return logReaches(follower, log) ? 'entries' : 'snapshot';
  }
  const idleMs = follower.acked === log.index.lastSeq ? heartbeatMs : config.heartbeatMs;
  if (follower.sentCommit >= log.commitSeq && now - follower.sentAt < idleMs) return 'nothing';
  // The log may have dropped what is in flight, while the follower did not answer.
  return logReaches(follower, log) ? 'heartbeat' : 'snapshot';
}

/** Whether something may be due already, without any time passing. */
export function isDueAtOnce(follower: FollowerProgress, log: LogState, config: DueConfig): boolean {
  if (follower.state !== 'stream' || follower.sentCommit < log.commitSeq) return true;
  return follower.hasRoom(config.inflightBytesMax) && follower.next <= log.index.lastSeq;
}

/** Null if the log holds no entry at `seq`. */
export function positionAt(log: LogState, seq: Seq): Position | null {
  const epoch = log.index.epochAt(seq);
  return epoch === undefined ? null : { epoch, seq };
}

/** Whether the log still holds the position before the follower's next entry. */
function logReaches({ next }: FollowerProgress, log: LogState): boolean {
  return log.index.epochAt(next - 1) !== undefined;
}
