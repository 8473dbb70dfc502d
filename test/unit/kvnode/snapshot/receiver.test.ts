// Receiving snapshots: several at a time are no faster than one.

import test from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { realEnv } from '../../../../common/base/env.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { origin } from '../../../../common/model/ids.ts';
import type { SnapshotAck } from '../../../../common/wire/messages.ts';
import { RangeHost } from '../../../../kvnode/range/range-host.ts';
import { WaitingBytes } from '../../../../kvnode/range/waiting-writes.ts';
import { Replica } from '../../../../kvnode/replica/replica.ts';
import { rowsChecksum } from '../../../../kvnode/snapshot/checksum.ts';
import { SnapshotReceiver } from '../../../../kvnode/snapshot/receiver.ts';
import type { Storage } from '../../../../kvnode/storage/storage.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const CHUNKS = 10;
const EMPTY = { epochSeen: 0, base: origin, runs: [], lastSeq: 0, applied: origin, committed: 0 };

function learner(env: VirtualEnv, storage: Storage, range: number): RangeHost {
  const span = { start: toBytes(`${range}`), end: toBytes(`${range + 1}`) };
  const meta = { range, inc: 1, namespace: 'default', namespaceId: 1, ...span };
  storage.createReplica(meta, origin, 0, true);
  const replica = new Replica({
    ...{ self: 'n', recovered: { ...meta, ...EMPTY, void: true }, log: storage.logOf(range) },
    ...{ config: DEFAULT_REPLICATION, leaseValid: () => true, isHealthy: () => true, stampBase: 0 },
  });
  return new RangeHost({
    ...{ env, replica, meta, storage, appliedSeq: 0, config: DEFAULT_REPLICATION },
    ...{ waitingOnNode: new WaitingBytes(), checks: { checkApplied: () => {} } },
  });
}

/** A node that gets `count` snapshots from as many nodes, each of some chunks of ten bytes, all at once. The rate is 100 bytes a second. */
async function receiving(count: number, serves: boolean) {
  const env = new VirtualEnv();
  const storage = await new TwinWorld().open();
  const acks: SnapshotAck[] = [];
  const receiver = new SnapshotReceiver({
    ...{ env, logger: silentLogger, storage, config: { snapshotBytesPerSecond: 100 } },
    touched: () => {},
    send: (_to, body) => body.kind === 'snapshot-ack' && acks.push(body) > 0,
  });
  const hosts = Array.from({ length: count }, (_, at) => learner(env, storage, at + 1));
  // Not idle for more than a second.
  await env.run(1_500);
  if (serves) storage.get(1, toBytes('row'));
  for (const host of hosts) {
    const { range, start, end } = host.meta;
    let checksum = 0;
    for (let index = 0; index < CHUNKS; index++) {
      const rows = [{ key: toBytes(`${range}${index}`), value: toBytes('8 bytes.'), revision: 1 }];
      checksum = rowsChecksum(rows, checksum);
      const from = `sender of ${range}`;
      receiver.receive(host, from, {
        ...{
          kind: 'snapshot-chunk',
          range,
          inc: 1,
          epoch: 1,
          snapshot: range,
          index,
          position: { epoch: 1, seq: 1 },
        },
        ...{ start, end, rows, last: false, checksum, clientSessions: [] },
      });
    }
  }
  const acknowledgedAfter = async (ms: number): Promise<number> => {
    for (let passed = 0; passed < ms; passed += 50) {
      await env.run(50);
      for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => realEnv.soon(resolve));
    }
    return acks.length;
  };
  return acknowledgedAfter;
}

for (const senders of [1, 2]) {
  test(`while clients are served, chunks of ${senders} senders are taken at the rate of one`, async (t) => {
    const acknowledgedAfter = await receiving(senders, true);
    const first = await acknowledgedAfter(100);
    const then = await acknowledgedAfter(500);
    t.true(then - first >= 4 && then - first <= 6, `${then - first} in half a second`);
  });
}

test('without clients, chunks are taken as they come', async (t) => {
  const acknowledgedAfter = await receiving(2, false);
  t.is(await acknowledgedAfter(50), 2 * CHUNKS);
});
