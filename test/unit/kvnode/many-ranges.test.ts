// A machine with replicas of 200 ranges is lost and comes back, with real nodes and coordinators in the simulator's world. The changes
// that all ranges need at the same time are written in few ZooKeeper transactions, and no range is left out.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { drawSettings } from '../../sim/settings.ts';
import { Cluster } from '../../sim/sim-cluster.ts';
import { World } from '../../sim/world/world.ts';
import type { Transaction } from '../../sim/world/zk-tree.ts';

const IDLE_RANGES = 197;
const RANGES = IDLE_RANGES + 3;
const TIMEOUT_MS = 30_000;
/** A tick serves only some of a node's ranges, and each tick with changes sends at least one multi. */
const TRANSACTIONS_MAX = 25;

async function startCluster() {
  const world = new World(5);
  const settings = {
    ...drawSettings(world),
    ...{ nodes: 3, clients: 1, callsPerClient: 1, idleRanges: IDLE_RANGES },
    ...{ replaceAfterMs: 3_600_000, balanceAfterMs: 3_600_000, limits: {}, channel: {} },
  };
  const cluster = new Cluster(world, settings);
  cluster.working = false;
  cluster.start();
  const until = async (holds: () => boolean): Promise<boolean> => {
    const end = world.clock.now + TIMEOUT_MS;
    await world.clock.run(() => holds() || world.clock.now >= end);
    return holds();
  };
  const inSyncEverywhere = (members: number): boolean =>
    cluster.descriptors.length === RANGES &&
    cluster.descriptors.every(({ inSync }) => inSync.length === members);
  return { world, cluster, until, inSyncEverywhere };
}

/** The number of transactions that changed ranges, and the number of those changes. */
function rangeChanges(log: readonly Transaction[]): {
  readonly transactions: number;
  readonly changes: number;
} {
  const counts = log.map(({ changes }) => changes.filter(({ path }) => path.includes('/ranges/')).length);
  return {
    transactions: counts.filter((count) => count > 0).length,
    changes: counts.reduce((sum, count) => sum + count, 0),
  };
}

const events = (log: readonly Transaction[]): number =>
  log
    .flatMap(({ changes }) => changes)
    .filter(({ path, node }) => path.startsWith('/events/') && node !== null).length;

test('a lost machine costs few transactions, and so does its return', async (t) => {
  const { world, cluster, until, inSyncEverywhere } = await startCluster();
  t.true(await until(() => inSyncEverywhere(3)));
  const allServe = (): boolean =>
    cluster.nodes.flatMap(({ node }) => node?.status().replicas ?? []).filter(({ role }) => role === 'owner')
      .length === RANGES;
  t.true(await until(allServe));

  const victim = present(cluster.nodes[0], 'a node');
  const owned = cluster.descriptors.filter(({ owner }) => owner.node === victim.nodeId).length;
  t.true(owned >= RANGES / 3 - 1);
  const before = cluster.ensemble.log.length;
  victim.kill('container');
  t.true(await until(() => inSyncEverywhere(2) && allServe()), 'every range is served by two members');
  const lost = (): readonly Transaction[] => cluster.ensemble.log.slice(before);
  const { transactions, changes } = rangeChanges(lost());
  t.is(changes, RANGES + owned, 'each range shrank once, and each range of the lost owner was promoted once');
  t.true(transactions <= TRANSACTIONS_MAX, `${transactions} transactions changed ranges`);
  t.true(await until(() => events(lost()) === changes), 'each change has its event');

  const down = cluster.ensemble.log.length;
  victim.start();
  t.true(await until(() => inSyncEverywhere(3)));
  const back = rangeChanges(cluster.ensemble.log.slice(down));
  t.is(back.changes, RANGES, 'each range grew once');
  t.true(back.transactions <= TRANSACTIONS_MAX, `${back.transactions} transactions changed ranges`);
  t.deepEqual(world.violations, []);
});
