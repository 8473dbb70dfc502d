// R3, the sending side: what an owner owes a follower at a moment. Pure; sending.ts sends it.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Position, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import type { FollowerProgress } from './progress.ts';

/** `probe` and `heartbeat` are Appends without entries: after `probeAt`, and after all that was sent. */
export type Due = 'nothing' | 'probe' | 'entries' | 'heartbeat' | 'snapshot';

type DueConfig = Pick<ReplicationConfig, 'resendMs' | 'lagMs' | 'idleAppendMs' | 'inflightBytesMax'>;

export interface DueTimes {
  readonly config: DueConfig;
  readonly now: number;
}

/** @param quietMs a follower that has everything may be left idle for so long */
export function dueTo(
  follower: FollowerProgress,
  log: LogState,
  { config, now }: DueTimes,
  quietMs: number,
): Due {
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
    case 'stream': {
      if (follower.next <= log.index.lastSeq && follower.hasRoom(config.inflightBytesMax)) {
        return streams(follower, log) ? 'entries' : 'snapshot';
      }
      const idleMs = follower.acked === log.index.lastSeq ? quietMs : config.idleAppendMs;
      if (follower.sentCommit >= log.commitSeq && now - follower.sentAt < idleMs) return 'nothing';
      // It was away while the log went on without what is in flight.
      return streams(follower, log) ? 'heartbeat' : 'snapshot';
    }
  }
}

/** Whether something may be due whatever the time is. */
export function isDueAtOnce(follower: FollowerProgress, log: LogState, config: DueConfig): boolean {
  if (follower.state !== 'stream' || follower.sentCommit < log.commitSeq) return true;
  return follower.hasRoom(config.inflightBytesMax) && follower.next <= log.index.lastSeq;
}

export function positionAt(log: LogState, seq: Seq): Position | null {
  const epoch = log.index.epochAt(seq);
  return epoch === undefined ? null : { epoch, seq };
}

/** The log reaches back to what the follower was sent. */
function streams({ next }: FollowerProgress, log: LogState): boolean {
  return log.index.epochAt(next - 1) !== undefined;
}
