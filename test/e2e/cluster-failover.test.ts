// What a client of a cluster sees while processes die, with a real ZooKeeper and real nodes. The tests assert the order of events
// and that nothing is lost, but no times; `npm run bench -- failover` measures those.

import test from 'ava';
import type { Client } from '../../client/index.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

/** Puts numbered keys until stop() is called, and remembers the acknowledged ones. */
function writing(client: Client, prefix: string): { stop(): Promise<readonly string[]> } {
  const acknowledged: string[] = [];
  let stopped = false;
  const done = (async () => {
    for (let n = 0; !stopped; n++) {
      const key = `${prefix}${String(n).padStart(8, '0')}`;
      // R13: whatever dies, there is an answer within the deadline, and never an unknown outcome.
      await client.put(key, key);
      acknowledged.push(key);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
      return acknowledged;
    },
  };
}

async function valuesUnder(client: Client, prefix: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const decoder = new TextDecoder();
  for await (const row of client.scan({ prefix }))
    found.set(decoder.decode(row.key), decoder.decode(row.value));
  return found;
}

/** Asserts that every acknowledged key is present with its value. */
async function assertKept(
  t: { deepEqual(a: unknown, b: unknown, message: string): boolean },
  client: Client,
  prefix: string,
  acknowledged: readonly string[],
): Promise<void> {
  const found = await valuesUnder(client, prefix);
  const lost = acknowledged.filter((key) => found.get(key) !== key);
  t.deepEqual(lost, [], 'acknowledged and lost');
}

/** Much more than the log keeps in the tests with a short log. */
const WRITTEN_BYTES = 12_000_000;

test.serial(
  'an acknowledged write survives its owner, reads continue meanwhile, and the killed node comes back',
  async (t) => {
    const cluster = await TestCluster.start(t);
    const client = await openClient(t, cluster);
    await client.put('k', 'before');
    await cluster.allInSync();
    const load = writing(client, 'k/');
    const before = await cluster.descriptorOf('k');
    const owner = cluster.node(before.owner.node);
    await owner.process.end('SIGKILL');

    const read = await client.get('k', { read: 'fallback' });
    t.is(new TextDecoder().decode(read?.value), 'before', 'a replica answers while nobody owns the range');
    t.true(
      read?.stale === false || read?.staleMs === null || (read?.staleMs ?? -1) >= 0,
      `and reports its staleness: ${read?.staleMs}`,
    );

    const written = await client.put('k', 'after');
    t.not(written.node, owner.id, 'another node owns the range');
    t.true(written.epoch > before.epoch, `in a later epoch: ${written.epoch} after ${before.epoch}`);
    await assertKept(t, client, 'k/', await load.stop());
    await cluster.restart(owner);
    await cluster.allInSync();
    t.is(new TextDecoder().decode((await client.get('k'))?.value), 'after');
  },
);

test.serial(
  'a stopped replica leaves the in-sync set, writes continue, and it joins again after SIGCONT',
  async (t) => {
    const cluster = await TestCluster.start(t, { sessionMs: 2_000 });
    const client = await openClient(t, cluster);
    await client.put('k', 'v');
    await cluster.allInSync();
    const { owner, replicas } = await cluster.descriptorOf('k');
    const victim = cluster.node(replicas.find(({ node }) => node !== owner.node)?.node ?? '');
    const load = writing(client, 'k/');
    await victim.process.freeze();
    await cluster.until('the stopped node left', (images) =>
      images.every(({ descriptor }) => !descriptor.inSync.includes(victim.id)),
    );
    await client.put('k', 'while it is away');
    victim.process.signal('SIGCONT');
    await cluster.allInSync();
    await assertKept(t, client, 'k/', await load.stop());
  },
);

test.serial(
  'the leading coordinator dies: reads and writes continue, and the other coordinator promotes',
  async (t) => {
    const cluster = await TestCluster.start(t, { coordinators: 2 });
    const client = await openClient(t, cluster);
    await client.put('k', 'v');
    await cluster.allInSync();
    const leading = await cluster.leadingCoordinator();
    const load = writing(client, 'k/');
    await leading.end('SIGKILL');
    await client.put('k', 'without a leader');
    const owner = await cluster.ownerOf('k');
    await owner.process.end('SIGKILL');
    const written = await client.put('k', 'after');
    t.not(written.node, owner.id);
    await assertKept(t, client, 'k/', await load.stop());
  },
);

test.serial('everything is killed under load and started again: nothing acknowledged is lost', async (t) => {
  const cluster = await TestCluster.start(t);
  const client = await openClient(t, cluster);
  await client.put('k', 'v');
  const load = writing(client, 'k/');
  const dead = [...cluster.coordinators, ...cluster.nodes.map(({ process }) => process)];
  await Promise.all(dead.map((process) => process.end('SIGKILL')));
  cluster.startCoordinator();
  await Promise.all(cluster.nodes.map((node) => cluster.restart(node)));
  await client.put('k', 'again');
  await cluster.allInSync();
  await assertKept(t, client, 'k/', await load.stop());
});

test.serial('after SIGTERM a node hands its ranges over before its session ends', async (t) => {
  const cluster = await TestCluster.start(t);
  const client = await openClient(t, cluster);
  await client.put('k', 'v');
  await cluster.allInSync();
  const owner = await cluster.ownerOf('k');
  const load = writing(client, 'k/');
  t.is(await owner.process.end('SIGTERM'), 0, 'it ends with code 0');
  const left = (await cluster.descriptors()).filter(({ descriptor }) => descriptor.owner.node === owner.id);
  t.deepEqual(left, [], 'no range waits for a promotion');
  await client.put('k', 'after');
  await assertKept(t, client, 'k/', await load.stop());
});

test.serial(
  'with one replica left a range is read-only and reports that; it takes writes when another is back',
  async (t) => {
    const cluster = await TestCluster.start(t);
    const client = await openClient(t, cluster);
    await client.put('k', 'v');
    await cluster.allInSync();
    const owner = await cluster.ownerOf('k');
    const [first, second] = cluster.nodes.filter((node) => node !== owner);
    await first?.process.end('SIGKILL');
    await cluster.until('the first one left', (images) =>
      images.every(({ descriptor }) => !descriptor.inSync.includes(first?.id ?? '')),
    );
    await second?.process.end('SIGKILL');
    await t.throwsAsync(untilRefused(client), { code: 'READ_ONLY' });
    const found = await client.get('k');
    t.false(found?.stale, 'linearizable reads continue');
    if (second !== undefined) await cluster.restart(second);
    await client.put('k', 'writable again');
    t.is(new TextDecoder().decode((await client.get('k'))?.value), 'writable again');
  },
);

/** Puts until one is refused. The first ones may have an unknown outcome, because nobody acknowledges them. */
async function untilRefused(client: Client): Promise<never> {
  for (;;) {
    try {
      await client.put('k', 'v', { deadlineMs: 5_000 });
    } catch (error) {
      if (!(error instanceof RangekeeperError && error.applied === 'unknown')) throw error;
    }
  }
}

test.serial('a node that never comes back is replaced, by a snapshot if the log is too short', async (t) => {
  const cluster = await TestCluster.start(t, {
    coordinatorArgs: ['--replace-after-ms', '500'],
    nodeArgs: ['--log-keep-mb', '1', '--log-retain-mb', '2'],
  });
  const client = await openClient(t, cluster);
  const value = 'v'.repeat(WRITTEN_BYTES / 120);
  const keys = Array.from({ length: 120 }, (_, n) => `k/${String(n).padStart(4, '0')}`);
  for (const key of keys) await client.put(key, value);
  await cluster.allInSync();
  await cluster.untilLogsAreShort(WRITTEN_BYTES / 2);
  const owner = await cluster.ownerOf('k/');
  const lost = cluster.nodes.find((node) => node !== owner);
  await lost?.process.end('SIGKILL');
  const fresh = await cluster.addNode('n4');
  await cluster.until('the new node is in-sync in place of the lost one', (images) =>
    images.every(({ descriptor }) => {
      return (
        descriptor.inSync.includes(fresh.id) && !descriptor.replicas.some(({ node }) => node === lost?.id)
      );
    }),
  );
  await fresh.process.logged('snapshot installed');
  t.is(await client.count({ prefix: 'k/' }), keys.length);
  const stale = await client.get(keys[0] ?? '', { read: 'stale' });
  t.is(stale?.value.length, value.length);
});
