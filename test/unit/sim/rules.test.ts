// The table of the rules' branches stays true to the product: each branch is found in the sources and counted when it is taken.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import type { Descriptor } from '../../../common/model/descriptor.ts';
import { endOf, findSpot, RuleCounters } from '../../sim/rule-counters.ts';
import { BRANCHES, GUARDS } from '../../sim/rules.ts';

test('every branch is found once in the product', (t) => {
  for (const branch of BRANCHES) t.notThrows(() => findSpot(branch), branch.name);
});

test('every rule has branches', (t) => {
  const rules = new Set(BRANCHES.map(({ name }) => name.split(' ')[0]));
  t.deepEqual(
    [...rules],
    [
      ...Array.from({ length: 14 }, (_, index) => `R${index + 1}`),
      ...Array.from({ length: 8 }, (_, index) => `S${index + 1}`),
      'Sessions',
      'Scrub',
      'Bounds',
    ],
  );
  t.is(new Set(BRANCHES.map(({ name }) => name)).size, BRANCHES.length);
});

test('a place is found with any spaces, and only if it occurs once', (t) => {
  const source = 'if (a)\n    return 1;\nif (b) return 2;';
  t.is(endOf('if (a) return 1;', source, 'file'), source.indexOf(';'));
  t.throws(() => endOf('return', source, 'file'), { message: /not once/ });
  t.throws(() => endOf('return 3', source, 'file'), { message: /not once/ });
});

test.serial(
  'branches that run are counted since the last call; those that no campaign has to reach are reached here',
  async (t) => {
    const rules = new RuleCounters();
    await rules.start();
    // The counters start first, because code that was compiled before is not counted.
    const { applyOperation } = await import('../../../kvnode/range/apply.ts');
    const write = (ifRevision: number) =>
      applyOperation({ get: () => undefined }, 1, {
        clientId: new Uint8Array(16),
        number: 1,
        doneBelow: 1,
        base: 0,
        mutations: [{ kind: 'check', key: Uint8Array.of(1), ifRevision }],
      });
    for (const ifRevision of [0, 7, 7]) write(ifRevision);
    const first = await rules.take();
    t.is(first.get('R14 a condition does not hold'), 2);
    t.is(first.get('R14 a condition holds'), 1);
    t.is(first.get('R1 an epoch is entered'), 0);
    write(0);
    const second = await rules.take();
    t.is(second.get('R14 a condition does not hold'), 0);
    t.is(second.get('R14 a condition holds'), 1);
    const { walk } = await import('../../support/replica-walk.ts');
    for (let seed = 1; seed <= 20; seed++) walk(seed);
    t.deepEqual(await restoreOlder(), { removed: true, madeAgain: false });
    const met = await rules.take();
    for (const branch of GUARDS) t.true((met.get(branch) ?? 0) > 0, branch);
  },
);

/** R9: a replica is removed, and then its node reads an older descriptor, because ZooKeeper was restored. */
async function restoreOlder() {
  const { Cluster } = await import('../../sim/sim-cluster.ts');
  const { drawSettings } = await import('../../sim/settings.ts');
  const { World } = await import('../../sim/world/world.ts');
  const { descriptorCodec } = await import('../../../common/zk/znodes.ts');
  const world = new World(1);
  const cluster = new Cluster(world, { ...drawSettings(world), nodes: 3, clients: 1 });
  cluster.start();
  await world.clock.run(() => cluster.nodes.every(({ node }) => node?.status().replicas.length === 3));
  for (const { host } of cluster.coordinators) host.process.kill('reset');
  cluster.ensemble.onCommit = () => {};
  const [path, { descriptor }] = present([...cluster.ranges][0], 'a range');
  const { node, inc } = present(
    descriptor.replicas.find((replica) => replica.node !== descriptor.owner.node),
    'a follower',
  );
  const { replicas, inSync } = descriptor;
  const write = (content: Descriptor) => {
    const data = descriptorCodec.encode(content);
    cluster.ensemble.write(cluster.ensemble.openSession(10_000), [{ kind: 'set', path, data, version: -1 }]);
  };
  write({
    ...descriptor,
    replicas: replicas.filter((replica) => replica.inc !== inc),
    inSync: inSync.filter((member) => member !== node),
  });
  const isThere = () =>
    cluster
      .node(node)
      ?.node?.status()
      .replicas.some(({ range }) => range === descriptor.id) ?? true;
  const pass = async (ms: number, until = () => false) => {
    const end = world.clock.now + ms;
    await world.clock.run(() => until() || world.clock.now >= end);
  };
  await pass(2_000, () => !isThere());
  const removed = !isThere();
  write(descriptor);
  await pass(2_000, isThere);
  return { removed, madeAgain: isThere() };
}
