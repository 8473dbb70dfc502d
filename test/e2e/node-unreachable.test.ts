// A live node that the others cannot reach, with real processes: because of a wrong --advertise, or because proxies cut the nodes off
// from each other. It gets no replicas, loses those that it has, and is reported. And nodes that stop one after the other do not hand
// over to each other.

import test, { type ExecutionContext } from 'ava';
import { incOf } from '../../common/model/descriptor.ts';
import { eventCodec, liveCodec, nodeCodec, paths } from '../../common/zk/znodes.ts';
import { NetworkProxies } from '../support/network-proxies.ts';
import { Repl } from '../support/repl-process.ts';
import { type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

/** An address at which nobody listens. */
const NOWHERE = '127.0.0.1:9';

async function repl(cluster: TestCluster, commands: string, output = 'json'): Promise<string> {
  const { out, err, code } = await Repl.start(cluster, '--output', output, '-e', commands).ended;
  return code === 0 ? out : `${code} ${err}`;
}

async function readyz({ process }: NodeProcess): Promise<string> {
  const { address } = await process.logged('ready');
  const answer = await fetch(`http://${address}/readyz`);
  return `${answer.status} ${await answer.text()}`;
}

async function eventKinds(cluster: TestCluster, node: NodeProcess): Promise<readonly string[]> {
  const session = await cluster.zkSession();
  const names = (await session.children(paths.events)) ?? [];
  const found = await Promise.all(names.map((name) => session.get(paths.event(name))));
  const events = found.flatMap((event) => (event === null ? [] : [eventCodec.decode(event.data)]));
  return events.filter((event) => event.node === node.id).map(({ kind }) => kind);
}

async function unreachable(cluster: TestCluster, node: NodeProcess): Promise<readonly string[] | null> {
  const found = await (await cluster.zkSession()).get(paths.node(node.id));
  const noted = found === null ? undefined : nodeCodec.decode(found.data).noted;
  return noted?.unreachable?.by ?? null;
}

/** Resolves when every range has three in-sync replicas, none of them on `node`. */
function goesOnWithout(cluster: TestCluster, node: NodeProcess): Promise<void> {
  return cluster.until(`all ranges have three replicas without ${node.name}`, (images) =>
    images.every(
      ({ descriptor }) =>
        incOf(descriptor, node.id) === undefined &&
        descriptor.inSync.length === 3 &&
        descriptor.replicas.length === 3,
    ),
  );
}

async function named(t: ExecutionContext, cluster: TestCluster, node: NodeProcess): Promise<void> {
  const rows: { id: string; remark: string | null }[] = JSON.parse(await repl(cluster, 'nodes'));
  t.regex(rows.find(({ id }) => id === node.id)?.remark ?? '', /no connection with n1, n2, n3/);
  t.true((await eventKinds(cluster, node)).includes('node-unreachable'));
  await cluster.until('the node knows', async () =>
    (await readyz(node)).startsWith('503 no connection with'),
  );
  const [coordinator] = cluster.coordinators;
  const { address } = (await coordinator?.logged('ready')) ?? {};
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  const series = `rangekeeper_coordinator_node_unreachable{node="${node.id}",name="${node.name}"} 3`;
  t.true(metrics.includes(series), metrics);
  const [healthy] = cluster.nodes;
  if (healthy !== undefined) t.is(await readyz(healthy), '200 ok\n');
}

test.serial(
  'a node with a wrong --advertise gets replicas, is replaced by another, and is reported',
  async (t) => {
    const cluster = await TestCluster.start(t, {
      coordinatorArgs: ['--replace-after-ms', '3000'],
      flagsOf: async (name) => (name === 'n4' ? ['--advertise', NOWHERE] : []),
    });
    await cluster.allInSync();
    const [lost] = cluster.nodes;
    if (lost === undefined) throw new Error('a node');
    const wrong = await cluster.addNode('n4');
    await cluster.until('the leader has noted it', async () => (await unreachable(cluster, wrong)) !== null);
    await named(t, cluster, wrong);
    const client = await openClient(t, cluster);
    await client.put('k', 'v');

    // A replica is missing from now on. The only free node is unreachable, so it does not get it.
    await lost.process.killAll();
    await cluster.until('the lost node is noted', async () =>
      (await eventKinds(cluster, lost)).includes('node-down'),
    );
    const good = await cluster.addNode('n5');
    await cluster.until('the good node has every range', (images) =>
      images.every(
        ({ descriptor }) => descriptor.inSync.includes(good.id) && incOf(descriptor, wrong.id) === undefined,
      ),
    );
  },
);

test.serial(
  'a node that is cut off from the other nodes only is replaced after a while, and comes back',
  async (t) => {
    const zk = (await startZooKeeper(t)).connect;
    const proxies = new NetworkProxies(t, zk);
    const cluster = await TestCluster.start(t, {
      zk,
      nodes: 3,
      coordinatorArgs: ['--replace-after-ms', '3000'],
      flagsOf: (name) => proxies.flags(name),
    });
    await cluster.allInSync();
    const others = [...cluster.nodes];
    const victim = await cluster.addNode('n4');
    const client = await openClient(t, cluster);
    // The ranges are idle, so only the reports show that a member is unreachable.
    const [first] = await cluster.descriptors();
    const member = others.find(({ id }) => first?.descriptor.inSync.includes(id));
    if (member === undefined) throw new Error('a member');
    const rest = [...others.filter((node) => node !== member), victim];
    for (const node of rest) proxies.cutBetween(member, node);
    await goesOnWithout(cluster, member);
    await cluster.until('the leader has noted it', async () => (await unreachable(cluster, member)) !== null);
    t.true((await eventKinds(cluster, member)).includes('node-unreachable'));
    await cluster.until('the node knows', async () =>
      (await readyz(member)).startsWith('503 no connection with'),
    );
    await client.put('k', 'v');
    proxies.heal();
    await cluster.until('it is no longer noted', async () => (await unreachable(cluster, member)) === null);
    await cluster.until('it is ready again', async () => (await readyz(member)) === '200 ok\n');
  },
);

/** Whether its live znode says that it is about to stop, or is gone already. */
async function isKnownToStop(cluster: TestCluster, { id }: NodeProcess): Promise<boolean> {
  const found = await (await cluster.zkSession()).get(paths.live(id));
  return found === null || liveCodec.decode(found.data).standing === 'stopping';
}

test.serial('nodes that stop one after the other hand over to the one that stays', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 3 });
  await cluster.allInSync();
  const [stays, first, second] = cluster.nodes;
  if (stays === undefined || first === undefined || second === undefined) throw new Error('three nodes');
  const ended = [first.process.end('SIGTERM')];
  await cluster.until('the first one is known to stop', () => isKnownToStop(cluster, first));
  // The first one may have handed over to the second one, because nobody could know that this will stop, too.
  const before = await cluster.descriptors();
  ended.push(second.process.end('SIGTERM'));
  await Promise.all(ended);
  await cluster.until('one owner of all', (images) =>
    images.every(({ descriptor }) => descriptor.owner.node === stays.id),
  );
  for (const { descriptor } of await cluster.descriptors()) {
    const then = before.find((image) => image.descriptor.id === descriptor.id)?.descriptor;
    if (then?.owner.node !== second.id) continue;
    t.is(descriptor.epoch - then.epoch, 1, `range ${descriptor.id} went there directly`);
  }
});

test.serial(
  'two nodes with one name, one of them gone, are distinguished and forgotten by their ids',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 2, coordinatorArgs: ['--replace-after-ms', '500'] });
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error('a node');
    await cluster.until('first ranges', (images) => images.length > 0);
    const twin = await cluster.addNode('n3');
    await cluster.allInSync(3);
    t.regex(await repl(cluster, `forget ${twin.id}`), /REFUSED: .*is live/);
    await twin.process.killAll();
    await cluster.until('it is noted', async () => (await eventKinds(cluster, twin)).includes('node-down'));
    t.regex(await repl(cluster, 'forget n3'), /REFUSED: .*still holds a replica of range \d+/);
    const wiped = await cluster.addNode('n4', ['--name', 'n3']);
    await cluster.until('the new node has its replicas', (images) =>
      images.every(
        ({ descriptor }) => incOf(descriptor, twin.id) === undefined && descriptor.inSync.includes(wiped.id),
      ),
    );
    const rows: { id: string; remark: string | null }[] = JSON.parse(await repl(cluster, 'nodes'));
    t.regex(
      rows.find(({ id }) => id === twin.id)?.remark ?? '',
      new RegExp(`^down for .* s; same name as ${wiped.id}$`),
    );
    t.regex(await repl(cluster, 'forget n3'), /64 several nodes are called n3/);
    t.regex(await repl(cluster, `forget ${twin.id}`), /is forgotten/);
    const session = await cluster.zkSession();
    t.is(await session.get(paths.node(twin.id)), null);
    const left = JSON.parse(await repl(cluster, 'nodes'));
    t.is(left.length, 3);
  },
);

test.serial(
  'the live znode says that its node drains, and a node record that was forgotten too early is created again',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 1 });
    // A draining node gets no replicas, so the first ranges would never be created.
    await cluster.allInSync(1);
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error('a node');
    const session = await cluster.zkSession();
    const standing = async () => {
      const found = await session.get(paths.live(node.id));
      return found === null ? null : liveCodec.decode(found.data).standing;
    };
    t.is(await standing(), 'staying');
    const found = await session.get(paths.node(node.id));
    if (found === null) throw new Error('a record');
    const record = nodeCodec.decode(found.data);
    await session.set(paths.node(node.id), nodeCodec.encode({ ...record, mode: 'draining' }), found.version);
    await cluster.until('it says so', async () => (await standing()) === 'draining');
    const now = await session.get(paths.node(node.id));
    await session.delete(paths.node(node.id), now?.version ?? 0);
    await cluster.until('it is there again', async () => (await session.get(paths.node(node.id))) !== null);
  },
);
