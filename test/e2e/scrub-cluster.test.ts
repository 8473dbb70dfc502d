// One of three replicas has a wrong row with a valid checksum, so only a comparison shows it. `check` finds it, the node sets its data
// aside and is rebuilt, and an event reports it. Processes and files are real.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { EXIT } from '../../common/process/exit.ts';
import { withChecksum } from '../../kvnode/storage/state/checked-engine.ts';
import { openLevel } from '../../kvnode/storage/state/level-engine.ts';
import { putRowValue, rowKey, rowValueBytes } from '../../kvnode/storage/state/stored-keys.ts';
import { DirectClient } from '../support/direct-client.ts';
import { type Ended, Repl } from '../support/repl-process.ts';
import { NEVER_LOST, type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';

const ROWS = 200;
const KEY = 'key 117';

function check(cluster: TestCluster): Promise<Ended> {
  return Repl.start(cluster, '--output', 'ndjson', '-e', 'check').ended;
}

interface CheckRow {
  readonly range: number;
  readonly node: { readonly id: string };
  readonly seq: number;
  readonly rows: number;
  readonly verdict: string;
}

function rowsOf({ out }: Ended): readonly CheckRow[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Starts three nodes with rows that are all in their state stores. */
async function filled(t: ExecutionContext) {
  const cluster = await TestCluster.start(t, { coordinatorArgs: NEVER_LOST });
  const client = await openClient(t, cluster);
  await Promise.all(Array.from({ length: ROWS }, (_, i) => client.put(`key ${i}`, `value ${i}`)));
  await cluster.allInSync();
  return { cluster, client, direct: await DirectClient.open(t, cluster) };
}

/** Writes another value of the key, with a valid checksum, to the disk of this node. */
async function change(cluster: TestCluster, node: NodeProcess, revision: number): Promise<void> {
  const { namespaceId } = await cluster.descriptorOf(KEY);
  const engine = await openLevel(join(cluster.dataOf(node), 'state'));
  const value = toBytes('wrong');
  const stored = new Uint8Array(rowValueBytes(value));
  putRowValue(stored, revision, value);
  const key = rowKey(namespaceId, toBytes(KEY));
  const batch = engine.batch();
  batch.put(key, withChecksum(key, stored));
  await batch.write();
  await engine.close();
}

test.serial('all replicas are equal, and `check` says so', async (t) => {
  const { cluster } = await filled(t);
  const ended = await check(cluster);
  t.is(ended.code, EXIT.ok, ended.err);
  const rows = rowsOf(ended);
  const ranges = await cluster.descriptors();
  t.is(rows.length, 3 * ranges.length);
  t.true(rows.every(({ verdict }) => verdict === 'sound'));
  for (const { descriptor } of ranges) {
    const counts = rows.filter(({ range }) => range === descriptor.id).map((row) => row.rows);
    t.deepEqual(new Set(counts).size, 1);
  }
  const owned = rows.filter(({ node }, at) => at % 3 === 0 && node.id !== '');
  t.is(
    owned.reduce((sum, row) => sum + row.rows, 0),
    ROWS,
  );
  const [, one] = rows;
  const single = await Repl.start(cluster, '--output', 'ndjson', '-e', `check ${one?.range}`).ended;
  t.is(rowsOf(single).length, 3);
});

for (const role of ['a follower', 'the owner'] as const) {
  test.serial(`a wrong row at ${role} is found, and its node rebuilt`, async (t) => {
    const { cluster, client, direct } = await filled(t);
    const descriptor = await cluster.descriptorOf(KEY);
    const node = cluster.node(
      role === 'the owner'
        ? descriptor.owner.node
        : (descriptor.inSync.find((id) => id !== descriptor.owner.node) ?? ''),
    );
    const revision = (await client.get(KEY))?.revision ?? 0;
    t.is(await node.process.end('SIGTERM'), EXIT.ok);
    await change(cluster, node, revision);
    await cluster.restart(node);
    await cluster.allInSync();
    if (role === 'the owner') await cluster.transfer(KEY, node);
    const wrong = await direct.get(node, 'stale', descriptor, KEY);
    t.deepEqual([Buffer.from(wrong.value).toString(), wrong.revision], ['wrong', revision]);

    const ended = await check(cluster);
    t.is(ended.code, EXIT.failed, ended.err);
    // The node may have stopped reporting on ranges that are checked later.
    const damaged = rowsOf(ended).filter(({ verdict }) => verdict !== 'sound' && verdict !== 'silent');
    t.deepEqual(
      damaged.map((row) => [row.range, row.node.id, row.verdict]),
      [[descriptor.id, node.id, 'damaged']],
    );

    t.is(await node.process.exited, EXIT.failed);
    const reason = `the replica of range ${descriptor.id} differed from a majority of the others at seq ${damaged[0]?.seq}`;
    await node.process.logged(
      `kvnode: ${cluster.dataOf(node)} is damaged and will be set aside at the next start: ${reason}`,
    );
    const another = await cluster.restartAsAnother(node);
    t.not(another.id, node.id);
    await cluster.until('the new node is in-sync, and no descriptor names the old one', (images) =>
      images.every(
        ({ descriptor: { inSync, replicas } }) =>
          inSync.includes(another.id) && !replicas.some((replica) => replica.node === node.id),
      ),
    );
    const events = (await cluster.events()).filter(({ kind }) => kind === 'damage');
    t.true(events.some((event) => event.range === descriptor.id && event.node === node.id));
    t.true(events.some((event) => event.by === node.id && /sets its data aside/.test(event.text)));

    const again = await check(cluster);
    t.is(again.code, EXIT.ok, again.out);
    const right = await direct.get(another, 'stale', descriptor, KEY);
    t.is(Buffer.from(right.value).toString(), 'value 117');
    for (let i = 0; i < ROWS; i++) {
      const found = await client.get(`key ${i}`);
      t.is(Buffer.from(found?.value ?? []).toString(), `value ${i}`);
    }
  });
}
