// ZooKeeper is restored from an older copy of its data, and an administrator restarts all processes. Each node that is ahead of
// ZooKeeper reports that, and nothing is wiped. When the administrator has raised the epochs at the REPL, the ranges continue with
// all acknowledged writes.

import { cp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { eventCodec, paths } from '../../common/zk/znodes.ts';
import { Repl } from '../support/repl-process.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { startOwnZooKeeper } from '../support/zookeeper.ts';

test.serial(
  "the nodes are ahead of it: each says so, and on an administrator's word the ranges begin above them",
  async (t) => {
    const server = await startOwnZooKeeper(t);
    const data = join(dirname(server.logFile), 'data');
    const cluster = await TestCluster.start(t, { zk: `${server.address}/rangekeeper` });
    const client = await openClient(t, cluster);
    await cluster.allInSync();
    await client.put('a', 'before');
    const [first, second, third] = cluster.nodes;
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('there are nodes');
    const repl = (commands: string) => Repl.start(cluster, '--output', 'ndjson', '-e', commands).ended;
    const rowsOf = ({ out }: { readonly out: string }) =>
      out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    const rowOf = (ended: { readonly out: string }) => rowsOf(ended).find(({ range }) => range === id);
    await server.stop();
    await cp(data, `${data}-copy`, { recursive: true });
    await server.start();
    await client.put('a', 'after');
    for (let times = 0; times < 4; times++)
      for (const node of [first, second]) await cluster.transfer('a', node);
    await client.put('a', 'last');
    const { id, epoch } = await cluster.descriptorOf('a');
    await client.close();

    const processes = [...cluster.coordinators, ...cluster.nodes.map(({ process }) => process)];
    await Promise.all(processes.map((process) => process.killAll()));
    await server.kill();
    await rm(data, { recursive: true });
    await cp(`${data}-copy`, data, { recursive: true });
    await server.start();
    cluster.startCoordinator();
    await Promise.all([first, second].map((node) => cluster.restart(node)));
    await cluster.untilGone(third);
    const early = await repl('raise-epochs');
    t.is(early.code, 1);
    const { name, id: node } = third;
    t.true(
      early.err.startsWith(`${name} (${node}) has not reported: it is not live\nSuch a node may hold`),
      early.err,
    );
    t.like(rowOf(early), { outcome: 'refused', node: null });
    t.true(rowOf(early).reason.startsWith(`no report of ${name} (${node})`), early.out);

    await cluster.restart(third);
    const again = await openClient(t, cluster);
    await cluster.until('each node reports it', async () => {
      const all = await Promise.all(cluster.nodes.map((node) => again.nodeStatus(node.id)));
      const words = all.map(({ replicas }) => replicas.find(({ range }) => range === id)?.conflict ?? '');
      return words.every((word) =>
        /^epochSeen \d+ is above the descriptor's epoch \d+: ZooKeeper was restored/.test(word),
      );
    });
    const restored = await cluster.descriptorOf('a');
    t.true(restored.epoch < epoch);
    await cluster.until('an event reports it', async () => {
      const session = await cluster.zkSession();
      const names = (await session.children(paths.events)) ?? [];
      const events = await Promise.all(names.map((name) => session.get(paths.event(name))));
      const conflicts = events
        .flatMap((node) => (node === null ? [] : [eventCodec.decode(node.data)]))
        .filter(({ kind, range }) => kind === 'conflict' && range === id);
      return new Set(conflicts.map(({ node }) => node)).size === 3;
    });
    for (const { id: node } of cluster.nodes) {
      const replica = (await again.nodeStatus(node)).replicas.find(({ range }) => range === id);
      t.true((replica?.lastSeq ?? 0) > 0, 'nothing is wiped');
    }

    const shown = await repl('ranges; status');
    t.regex(rowOf(shown).problem, /^n1, n2, n3: epochSeen .* raise-epochs in the REPL/);
    const behind = rowsOf(shown).filter(({ node, problem }) => node && /raise-epochs/.test(problem));
    t.is(behind.length, 3);
    const dry = await repl('raise-epochs --dry-run');
    t.is(dry.code, 0, dry.err);
    t.like(rowOf(dry), { epoch: restored.epoch, epochSeen: epoch, outcome: 'would-begin' });
    t.is((await cluster.descriptorOf('a')).epoch, restored.epoch);
    const raised = await repl('raise-epochs');
    t.is(raised.code, 0, raised.err);
    t.like(rowOf(raised), { epochSeen: epoch, outcome: 'begun' });
    const over = await repl('raise-epochs');
    t.deepEqual([over.code, over.out], [0, '']);
    t.regex(over.err, /there is nothing to raise/);
    await cluster.until('the range begins again above all of them', (images) =>
      images.every(({ descriptor }) => descriptor.id !== id || descriptor.epoch > epoch),
    );
    t.is(new TextDecoder().decode((await again.get('a'))?.value), 'last');
    await again.put('a', 'and on');
    await cluster.allInSync();
  },
);
