// Sending a snapshot: it has every row, and with the last chunk the client sessions of the same moment (R13).

import test from 'ava';
import { toBytes, toHex } from '../../../../common/base/bytes.ts';
import { type Env, realEnv } from '../../../../common/base/env.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import type { OneWayBody, SnapshotAck, SnapshotChunk } from '../../../../common/wire/messages.ts';
import { SnapshotSender } from '../../../../kvnode/snapshot/sender.ts';
import type { SessionChange } from '../../../../kvnode/storage/storage.ts';
import { at, createWhole, entries, put, turn } from '../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../suites/storage/world.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

test('a snapshot has the rows, and the client sessions with the last of them', async (t) => {
  const world = new TwinWorld();
  const before = await world.open();
  createWhole(before);
  let changes: readonly SessionChange[] = [{ clientId: toBytes('ada'), record: toBytes('7') }];
  const takeChanges = () => {
    const taken = changes;
    changes = [];
    return taken;
  };
  before.attachSessions(1, { takeChanges, rows: () => [] });
  before.logOf(1).append(entries(1, 1, 2));
  before.apply(1, at(1, 1), [put('a', '1')]);
  before.apply(1, at(1, 2), [put('b', '2')]);
  // A snapshot has what is in the state store: everything, once the storage was closed.
  await before.close();
  const storage = await world.open();
  storage.attachSessions(1, { takeChanges, rows: () => [] });

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

const rowsOf = (chunk: SnapshotChunk) => chunk.rows.map(({ key }) => Buffer.from(key).toString());

/**
 * A storage with `count` rows, and a sender whose chunks have one row. `sent` has the chunks; the test acknowledges
 * them.
 */
async function senderOf(count: number, env: Env = realEnv, snapshotBytesPerSecond = 1_000_000) {
  const world = new TwinWorld();
  const before = await world.open();
  createWhole(before);
  before.logOf(1).append(entries(1, 1, count));
  for (let seq = 1; seq <= count; seq++) before.apply(1, at(1, seq), [put(`row ${seq}`, '1')]);
  await before.close();
  const storage = await world.open();
  const sent: SnapshotChunk[] = [];
  const config = { snapshotChunkBytes: 1, snapshotBytesPerSecond };
  const send = (_: string, body: OneWayBody) => {
    if (body.kind === 'snapshot-chunk') sent.push(body);
    return true;
  };
  const sender = new SnapshotSender({ env, logger: silentLogger, storage, config, send });
  const answer = (chunk: SnapshotChunk, what: Partial<SnapshotAck>) => {
    const { range, inc, epoch, snapshot } = chunk;
    const ack = { nextIndex: 0, installed: false, refused: false, ...what };
    sender.receiveAck('b', { kind: 'snapshot-ack', range, inc, epoch, snapshot, ...ack });
  };
  return { sender, storage, sent, answer };
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}

test('a few chunks are in flight at a time, and acknowledgements let more follow', async (t) => {
  const { sender, sent, answer } = await senderOf(6);
  const outcome = sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 });
  await settled();
  t.deepEqual(sent.flatMap(rowsOf), ['row 1', 'row 2', 'row 3', 'row 4']);
  const [first] = sent;
  if (first === undefined) return t.fail('nothing was sent');
  answer(first, { nextIndex: 1 });
  await settled();
  t.is(sent.length, 5);
  answer(first, { nextIndex: 5 });
  await settled();
  t.is(sent.length, 6);
  t.true(sent[5]?.last);
  answer(first, { nextIndex: 6, installed: true });
  t.true(await outcome);
});

test('chunks that are not acknowledged are sent again, from the first missing one on', async (t) => {
  const env = new VirtualEnv();
  const { sender, sent, answer } = await senderOf(3, env);
  const outcome = sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 });
  await settled();
  const [first] = sent;
  if (first === undefined) return t.fail('nothing was sent');
  answer(first, { nextIndex: 1 });
  await settled();
  sent.length = 0;
  await env.run(1_000);
  await settled();
  t.deepEqual(sent.flatMap(rowsOf), ['row 2', 'row 3']);
  answer(first, { refused: true });
  t.false(await outcome);
});

test('a transfer without acknowledgements fails', async (t) => {
  const env = new VirtualEnv();
  const { sender } = await senderOf(1, env);
  const outcome = sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 });
  for (let i = 0; i < 10; i++) {
    await settled();
    await env.run(1_000);
  }
  t.false(await outcome);
});

/**
 * A row has six bytes, or seven from the tenth on, so a chunk leaves about every 100 ms. `sentAfter` runs `ms` more,
 * acknowledges each chunk at once, and returns how many were sent.
 */
async function pacedSender(count: number) {
  const env = new VirtualEnv();
  const { sender, storage, sent, answer } = await senderOf(count, env, 60);
  const sentAfter = async (ms: number): Promise<number> => {
    await env.run(ms);
    for (let i = 0; i < 5; i++) {
      const [first] = sent;
      if (first !== undefined) answer(first, { nextIndex: sent.length });
      await settled();
    }
    return sent.length;
  };
  return { env, sender, storage, sentAfter };
}

test('while clients are served, chunks leave at a bounded rate', async (t) => {
  const { env, sender, storage, sentAfter } = await pacedSender(9);
  storage.get(1, toBytes('row 1'));
  void sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 });
  t.is(await sentAfter(0), 1);
  t.is(await sentAfter(40), 1);
  t.is(await sentAfter(20), 2);
  t.is(await sentAfter(80), 2);
  env.stall(40);
  t.is(await sentAfter(0), 3);
  t.is(await sentAfter(60), 3);
  t.is(await sentAfter(20), 4, 'one was late: the next one is not');
  env.stall(500);
  t.is(await sentAfter(0), 6);
  t.is(await sentAfter(40), 6, 'after a longer pause most of the missed chunks do not leave at once');
});

test('without clients, chunks leave as fast as they are acknowledged', async (t) => {
  const { sender, storage, sentAfter } = await pacedSender(60);
  void sender.transfer({ range: 1, epoch: 1, node: 'b', inc: 2 });
  const begun = await sentAfter(0);
  t.true(begun > 5);
  storage.get(1, toBytes('row 1'));
  const paced = await sentAfter(0);
  t.true(paced - begun <= 1);
  for (let second = 0; second < 2; second++) await sentAfter(500);
  t.true((await sentAfter(200)) > paced + 15);
});

test('progress of a transfer is its last acknowledgement; while it waits for a slot, that of others to the node', async (t) => {
  const env = new VirtualEnv();
  const { sender, sent, answer } = await senderOf(6, env);
  const begin = (range: number) => void sender.transfer({ range, epoch: 1, node: 'b', inc: 2 });
  t.is(sender.progressAt(1, 'b'), null);
  const begun = env.now();
  begin(1);
  await settled();
  env.stall(700);
  t.is(sender.progressAt(1, 'b'), begun, 'nothing was acknowledged');
  const [first] = sent;
  if (first === undefined) return t.fail('nothing was sent');
  answer(first, { nextIndex: 0 });
  t.is(sender.progressAt(1, 'b'), begun, 'an acknowledgement of nothing new is no progress');
  answer(first, { nextIndex: 1 });
  t.is(sender.progressAt(1, 'b'), env.now());

  // Four transfers run at a time: these take the other three slots, and the last one waits.
  for (const range of [2, 3, 4, 5]) void sender.transfer({ range, epoch: 1, node: 'b', inc: 2 });
  env.stall(700);
  answer(first, { nextIndex: 2 });
  t.is(sender.progressAt(5, 'b'), env.now());
});
