// What a snapshot on its way holds: every row, and with the last chunk the clients' answers of the same moment (R13).

import test from 'ava';
import { toBytes, toHex } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import type { SnapshotChunk } from '../../common/wire/messages.ts';
import { SnapshotSender } from '../../kvnode/snapshot-sender.ts';
import type { SessionChange } from '../../kvnode/storage/storage.ts';
import { at, createWhole, entries, put } from '../suites/storage/words.ts';
import { TwinWorld } from '../suites/storage/world.ts';

test('a snapshot brings the rows, and the clients with the last of them', async (t) => {
  const world = new TwinWorld();
  const before = await world.open();
  createWhole(before);
  let changes: readonly SessionChange[] = [{ clientId: toBytes('ada'), record: toBytes('7') }];
  const takeChanges = () => {
    const taken = changes;
    changes = [];
    return taken;
  };
  before.keepSessions(1, { takeChanges });
  before.append(1, entries(1, 1, 2));
  before.apply(1, at(1, 1), [put('a', '1')]);
  before.apply(1, at(1, 2), [put('b', '2')]);
  // A snapshot holds what is in the state store: all of it, once it was closed.
  await before.close();
  const storage = await world.open();
  storage.keepSessions(1, { takeChanges });

  const chunks: SnapshotChunk[] = [];
  const sender: SnapshotSender = new SnapshotSender({
    env: realEnv,
    logger: silentLogger,
    storage,
    config: DEFAULT_REPLICATION,
    send(to, body) {
      if (body.kind !== 'snapshot-chunk') return false;
      chunks.push(body);
      const { range, inc, epoch, snapshot, index, last } = body;
      const answer = { nextIndex: index + 1, installed: last, refused: false };
      sender.receiveAck(to, { kind: 'snapshot-ack', range, inc, epoch, snapshot, ...answer });
      return true;
    },
  });
  t.true(await sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 }));
  await storage.close();

  t.deepEqual(
    chunks.flatMap(({ rows }) => rows.map(({ key, revision }) => [toHex(key), revision])),
    [
      ['61', 1],
      ['62', 2],
    ],
  );
  const last = chunks.at(-1);
  t.deepEqual(last?.position, at(1, 2));
  t.deepEqual(
    last?.clientSessions.map(({ clientId, record }) => [toHex(clientId), toHex(record)]),
    [[toHex(toBytes('ada')), toHex(toBytes('7'))]],
  );
});
