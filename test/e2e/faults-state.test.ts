// Damage to the state store of a real node, with one example of each kind. test/e2e/storage-damage.test.ts goes through every byte
// and every file.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Client } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';
import { decodeNode, paths } from '../../common/zk/znodes.ts';
import { LOG_DIRECTORY, STATE_DIRECTORY } from '../../kvnode/storage/files.ts';
import { seededRng } from '../support/rng.ts';
import { changeRows, flipBatchBit } from '../support/state-damage.ts';
import { NEVER_LOST, type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';

const ROWS = 200;
const textIn = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const keyOf = (i: number) => `key ${String(i).padStart(4, '0')}`;
const textOf = (i: number) => `value of ${keyOf(i)}`;

interface Story {
  readonly cluster: TestCluster;
  readonly client: Client;
}

/** Starts three nodes with acknowledged rows that are all in the state stores. */
async function start(t: ExecutionContext, nodeArgs: readonly string[] = []): Promise<Story> {
  const cluster = await TestCluster.start(t, { nodeArgs, coordinatorArgs: NEVER_LOST });
  const client = await openClient(t, cluster);
  await cluster.allInSync();
  for (let i = 0; i < ROWS; i++) await client.put(keyOf(i), textOf(i));
  await cluster.writtenBehind();
  return { cluster, client };
}

async function checkRows(t: ExecutionContext, { client }: Story): Promise<void> {
  let i = 0;
  for await (const { key, value } of client.scan({ prefix: 'key ', limit: ROWS })) {
    t.is(`${textIn(key)}=${textIn(value)}`, `${keyOf(i)}=${textOf(i)}`);
    i++;
  }
  t.is(i, ROWS);
}

/** Restarts the node, which becomes another one, and waits until that is in-sync and no descriptor names the old one. */
async function comesBackAsAnother({ cluster }: Story, node: NodeProcess): Promise<NodeProcess> {
  const another = await cluster.restartAsAnother(node);
  await cluster.until('the new node is in-sync, and no descriptor names the old one', (images) =>
    images.every(
      ({ descriptor: { inSync, replicas } }) =>
        inSync.includes(another.id) && !replicas.some((replica) => replica.node === node.id),
    ),
  );
  return another;
}

test.serial(
  'the old id of a damaged node is marked as gone at once: it is replaced, reported, and can be forgotten',
  async (t) => {
    const story = await start(t);
    const { cluster, client } = story;
    const node = cluster.nodes[0] as NodeProcess;
    await node.process.end('SIGKILL');
    await rm(join(cluster.dataOf(node), LOG_DIRECTORY), { recursive: true });
    const another = await comesBackAsAnother(story, node);
    const session = await cluster.zkSession();
    const found = await session.get(paths.node(node.id));
    t.is(found === null ? null : decodeNode(node.id, found).mode, 'gone');
    const events = (await cluster.events()).filter(({ kind }) => kind === 'node-gone');
    t.deepEqual(
      events.map(({ by, node: about }) => [by, about]),
      [[another.id, node.id]],
    );
    await client.forgetNode(node.id);
    t.is(await session.get(paths.node(node.id)), null);
    await checkRows(t, story);
  },
);

test.serial('a flipped bit in the state stores of two of three nodes loses no row', async (t) => {
  const story = await start(t);
  const { cluster } = story;
  const seed = Math.floor(realEnv.random() * 2 ** 32);
  t.log(`seed ${seed}`);
  const rng = seededRng(seed);
  const damaged = cluster.nodes.slice(0, 2);
  for (const node of damaged) await node.process.end('SIGKILL');
  for (const node of damaged) t.log(await flipBatchBit(cluster.dataOf(node), rng));
  for (const node of damaged) await cluster.restartAsAnother(node);
  await cluster.allInSync();
  await checkRows(t, story);
});

test.serial(
  'a lost log, and later a lost state store whose rows no log has, each make another node',
  async (t) => {
    const story = await start(t, ['--log-keep-mb', '1', '--log-retain-mb', '2']);
    const { cluster, client } = story;
    const filler = 'x'.repeat(50_000);
    for (let i = 0; i < 200; i++) await client.put(`filler ${i}`, filler);
    await cluster.untilLogsAreShort(5_000_000);
    let node = cluster.nodes[1] as NodeProcess;
    for (const lost of [LOG_DIRECTORY, STATE_DIRECTORY]) {
      await node.process.end('SIGKILL');
      await rm(join(cluster.dataOf(node), lost), { recursive: true });
      const another = await comesBackAsAnother(story, node);
      t.not(another.id, node.id, `without ${lost}`);
      node = another;
    }
    await checkRows(t, story);
  },
);

test.serial(
  'a running node that reads a wrong row ends, and its next start sets the directory aside',
  async (t) => {
    const story = await start(t);
    const { cluster, client } = story;
    const owner = await cluster.ownerOf(keyOf(7));
    await owner.process.end('SIGTERM');
    t.is(await changeRows(cluster.dataOf(owner), textOf(7)), 1);
    await cluster.restart(owner);
    await cluster.allInSync();
    await cluster.transfer(keyOf(7), owner);
    // The reader gets no answer from this node, but another one has the row.
    const reading = client.get(keyOf(7));
    t.is(await owner.process.exited, 1);
    t.is(textIn((await reading)?.value), textOf(7));
    await comesBackAsAnother(story, owner);
    await checkRows(t, story);
  },
);
