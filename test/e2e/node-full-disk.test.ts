// A node on a small file system that becomes full under load: the others continue, nothing is lost, the node reports the problem in
// one line, and comes back when there is space. The test needs the right to mount. Without it the test logs that, and only the twin's
// tests (test/unit/kvnode/storage/full.test.ts) check full disks.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Client } from '../../client/index.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';

const MB = 1024 * 1024;

interface Scene {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly disk: SmallDisk;
  readonly small: NodeProcess;
}

/** Starts three nodes, the last of them on a small disk; null: the disk cannot be mounted. */
async function scene(t: ExecutionContext): Promise<Scene | null> {
  const nodeArgs = ['--log-keep-mb', '1', '--log-retain-mb', '2'];
  const coordinatorArgs = ['--initial-nodes', '3'];
  const cluster = await TestCluster.start(t, { nodes: 2, nodeArgs, coordinatorArgs });
  const disk = SmallDisk.mount(t, join(cluster.directory, 'n3'), 48);
  if (disk === null) {
    t.log('this process may not mount a tmpfs: full disks are tested on the twin only');
    t.pass();
    return null;
  }
  const small = await cluster.addNode('n3');
  const client = await openClient(t, cluster);
  await cluster.allInSync();
  return { cluster, client, disk, small };
}

/** Puts until a put is acknowledged. */
async function putSurely(client: Client, key: string, value: string): Promise<void> {
  for (;;) {
    try {
      await client.put(key, value);
      return;
    } catch (error) {
      if (!(error instanceof RangekeeperError && error.applied === 'unknown')) throw error;
    }
  }
}

test.serial('if a disk becomes full under load, the other nodes continue, and nothing is lost', async (t) => {
  const found = await scene(t);
  if (found === null) return;
  const { cluster, client, disk, small } = found;
  disk.fill(2 * MB);
  const value = 'v'.repeat(100_000);
  // Keys of every range.
  const keys = Array.from({ length: 120 }, (_, n) => `${'05anz'[n % 5]}/${String(n).padStart(4, '0')}`);
  for (const key of keys) await putSurely(client, key, value);
  await cluster.until('nothing is owned on the full disk', (images) =>
    images.every(({ descriptor }) => descriptor.owner.node !== small.id),
  );
  await small.process.logged('the disk is full: no space for the log').catch(() => {
    // If the state store needs the space first, the process ends and logs why.
    t.regex(small.process.fatalMessage ?? '', /^kvnode: .* cannot be written to: .*No space left.*$/);
  });
  disk.free();
  await cluster.until('it is in-sync everywhere again', async (images) => {
    // The state store may find the disk full later than the log.
    if (small.process.ended) await cluster.restart(small);
    return images.every(({ descriptor }) => descriptor.inSync.length === 3);
  });
  t.is(await client.count({}), keys.length);
  t.is(await small.process.end('SIGTERM'), 0);
});

test.serial(
  'on a full disk a node does not start and logs why in one line; it starts when there is space',
  async (t) => {
    const found = await scene(t);
    if (found === null) return;
    const { cluster, disk, small } = found;
    t.is(await small.process.end('SIGTERM'), 0);
    disk.fill(0);
    await t.throwsAsync(cluster.restart(small));
    t.is(await small.process.end('SIGTERM'), 1);
    t.regex(small.process.fatalMessage ?? '', /room|No space left/);
    t.deepEqual(small.process.otherOutput, [], 'it writes only log lines');
    disk.free();
    await cluster.restart(small);
    await cluster.allInSync();
  },
);
