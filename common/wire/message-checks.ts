// Checks of messages between nodes that need no replica: entries must follow on each other, rows must be within the snapshot's
// bounds, numbers must leave room to count on. A message that fails is refused as a whole, and its connection is closed. So
// replicas can rely on these properties. What depends on the receiver's own log, the receiver checks.

import { compareBytes } from '../base/bytes.ts';
import { COUNTER_MAX } from '../model/fields.ts';
import { contains, isEmpty } from '../model/key-range.ts';
import { check } from './checks.ts';
import {
  type Append,
  type AppendAck,
  type DamageVerdict,
  ENTRY_KINDS,
  type ReplicaDigest,
  type SnapshotAck,
  type SnapshotChunk,
} from './messages.ts';
import { checkOperation } from './operation.ts';

/** R3: the entries follow prev. Their epochs never fall, and are not above the owner's. */
export function checkAppend({ range, inc, epoch, prev, entries, commitSeq }: Append): void {
  checkAddress(range, inc, epoch);
  checkCounter(prev.seq + entries.length, 'seq');
  checkCounter(commitSeq, 'commitSeq');
  let lastEpoch = prev.epoch;
  let { seq } = prev;
  for (const entry of entries) {
    check(entry.seq === ++seq, 'entries do not follow on each other');
    check(entry.epoch >= lastEpoch, 'epochs fall along the entries');
    lastEpoch = entry.epoch;
    if (entry.kind === ENTRY_KINDS.operation) checkOperation(entry.payload);
    else check(entry.payload.length === 0, 'an EpochStart or a check has a payload');
  }
  check(lastEpoch <= epoch, "an entry's epoch is above the owner's");
}

/** R3: the position in a rejection is not after prev. */
export function checkAck({ range, inc, epoch, ackedSeq, rejection }: AppendAck): void {
  checkAddress(range, inc, epoch);
  checkCounter(ackedSeq, 'ackedSeq');
  if (rejection === null) return;
  checkCounter(rejection.prevSeq, 'prevSeq');
  check(rejection.newest.seq <= rejection.prevSeq, 'a rejection names a position after prev');
}

/** Rows are in order and within the bounds. Client sessions come with the last chunk. */
export function checkChunk(chunk: SnapshotChunk): void {
  const { range, inc, epoch, position, rows, last, clientSessions } = chunk;
  checkAddress(range, inc, epoch);
  checkCounter(position.seq, 'seq');
  check(position.epoch <= epoch, "a snapshot's epoch is above the owner's");
  check(!isEmpty(chunk), 'the bounds of a snapshot contain no keys');
  check(last || clientSessions.length === 0, 'client sessions before the last chunk');
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    check(before === undefined || compareBytes(before.key, row.key) < 0, 'rows are out of order');
    check(row.revision <= position.seq, 'a row is newer than its snapshot');
  });
  for (const row of [rows[0], rows.at(-1)])
    check(row === undefined || contains(chunk, row.key), "a row outside the snapshot's bounds");
}

export function checkSnapshotAck({ range, inc, epoch }: SnapshotAck): void {
  checkAddress(range, inc, epoch);
}

/** Checks the digest of a replica, or the one that its owner expects, at a consistency check. */
export function checkDigest({ range, inc, epoch, seq }: ReplicaDigest | DamageVerdict): void {
  checkAddress(range, inc, epoch);
  checkCounter(seq, 'seq');
}

function checkAddress(range: number, inc: number, epoch: number): void {
  check(range > 0, 'no range');
  checkCounter(inc, 'inc');
  checkCounter(epoch, 'epoch');
}

function checkCounter(value: number, name: string): void {
  check(value <= COUNTER_MAX, `${name} is too high`);
}
