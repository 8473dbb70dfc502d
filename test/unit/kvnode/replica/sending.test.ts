// What an owner sends to a follower that does not answer while the log grows.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { origin, type Seq } from '../../../../common/model/ids.ts';
import { LogState } from '../../../../kvnode/replica/log-state.ts';
import { FollowerProgress } from '../../../../kvnode/replica/progress.ts';
import { Sending } from '../../../../kvnode/replica/sending.ts';
import { ENTRY_KINDS } from '../../../../kvnode/storage/storage.ts';
import { MemoryLog } from '../../../support/memory-log.ts';

const config = { ...DEFAULT_REPLICATION, inflightBytesMax: 100, appendBytesMax: 50 };

function ownerWith(entries: Seq, heartbeatMs = config.heartbeatMs) {
  const log = new MemoryLog();
  const recovered = log.recover(0, { range: 1, inc: 1 });
  const state = new LogState(recovered, log);
  state.raiseEpochSeen(1);
  for (let seq = 1; seq <= entries; seq++) {
    state.append([{ epoch: 1, seq, kind: ENTRY_KINDS.operation, payload: new Uint8Array(25) }]);
  }
  const follower = new FollowerProgress('b', 1, origin, 0);
  follower.becomeStream();
  const due = (now: number) => {
    const sending = new Sending({
      log: state,
      config,
      start: { epoch: 1, seq: 1 },
      readsAllowed: false,
      now,
    });
    sending.sendTo(follower, heartbeatMs);
    const messages = sending.messages.flatMap(({ message }) => (message.kind === 'append' ? [message] : []));
    return { messages, needsSnapshot: sending.snapshots.length > 0 };
  };
  return { log, state, follower, due };
}

test('a follower with a full window still gets heartbeats', (t) => {
  const { due } = ownerWith(20);
  t.deepEqual(
    due(1_000).messages.map(({ entries }) => entries.length),
    [2, 2],
  );
  t.deepEqual(due(1_001).messages, []);
  t.like(due(1_000 + config.heartbeatMs).messages, [{ prev: { epoch: 1, seq: 4 }, entries: [] }]);
});

test('a follower needs a snapshot once the log has dropped what is in flight to it', (t) => {
  const { log, follower, due } = ownerWith(20);
  due(1_000);
  log.startAfter({ epoch: 1, seq: 4 });
  t.false(due(1_000 + config.heartbeatMs).needsSnapshot, 'the log still reaches back to what was sent');
  log.startAfter({ epoch: 1, seq: 5 });
  t.false(due(1_001 + config.heartbeatMs).needsSnapshot, 'not before the next heartbeat is due');
  const later = due(1_000 + 2 * config.heartbeatMs);
  t.deepEqual([later.needsSnapshot, later.messages], [true, []]);
  t.is(follower.state, 'snapshot');
});

test('a follower that has everything gets fewer heartbeats, but a new commitSeq at once', (t) => {
  const heartbeatMs = 10 * config.heartbeatMs;
  const { state, follower, due } = ownerWith(2, heartbeatMs);
  due(1_000);
  t.is(due(1_000 + config.heartbeatMs).messages.length, 1, 'it has not acknowledged everything yet');
  follower.acknowledged(2, 0);
  t.deepEqual(due(1_000 + 2 * config.heartbeatMs).messages, []);
  state.synced(1);
  state.commit(2);
  t.is(due(1_000 + 2 * config.heartbeatMs).messages.length, 1, 'a new commitSeq is sent at once');
  t.deepEqual(due(1_000 + heartbeatMs).messages, []);
  t.is(due(1_000 + 2 * config.heartbeatMs + heartbeatMs).messages.length, 1);
});
