// Splits while answers are lost: what a client or an owner does not know must neither be done twice nor be lost.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { toBytes } from '../../../common/base/bytes.ts';
import { contains } from '../../../common/model/key-range.ts';
import { heal, smallCluster, until } from '../../sim/crash-walk.ts';
import type { Cluster } from '../../sim/sim-cluster.ts';

const SEEDS = [1, 2, 3];

function split({ operator }: Cluster, key: string): void {
  operator.ask({ kind: 'split', namespace: 'default', keys: [key] });
}

function hasSplit({ descriptors }: Cluster): boolean {
  return descriptors.some(({ parents }) => parents.length > 0);
}

function ownerOf({ descriptors, nodes }: Cluster, key: string) {
  const range = descriptors.find((descriptor) => contains(descriptor, toBytes(key)));
  return present(
    nodes.find(({ nodeId }) => nodeId === range?.owner.node),
    'the owner',
  );
}

for (const seed of SEEDS) {
  test(`S4: the multi takes effect long after its connection broke, and no write is lost (seed ${seed})`, async (t) => {
    const cluster = await smallCluster(seed, 3);
    const { ensemble, history, keys } = cluster;
    await until(cluster, () => history.operations.length >= 60);
    split(cluster, present(keys[6], 'a key'));
    await until(cluster, () => cluster.descriptors.some(({ reshape }) => reshape !== null));
    ensemble.commitMs = 400;
    for (const server of ensemble.servers) server.answerLoss = 1;
    await pass(cluster, 100);
    for (const server of ensemble.servers) server.answerLoss = 0;
    await until(cluster, () => hasSplit(cluster));
    ensemble.commitMs = 0;
    const count = history.operations.length;
    await until(cluster, () => history.operations.length >= count + 60);
    await heal(cluster);
    t.deepEqual(cluster.world.violations, []);
  });

  test(`S8: a write whose answer was lost is sent again to a child, and is not applied twice (seed ${seed})`, async (t) => {
    const cluster = await smallCluster(seed, 3);
    const { world, keys } = cluster;
    const key = present(keys[3], 'a key');
    await until(cluster, () => cluster.history.operations.length >= 60);
    cluster.working = false;
    await until(cluster, () => cluster.clients.every(({ underWay }) => underWay === 0));
    const written = await world.until(put(cluster, key, 'first', null));
    const revision = written.kind === 'written' ? written.revision : null;
    t.not(revision, null);
    const owner = ownerOf(cluster, key).host.name;
    const client = cluster.anyClient.host.name;
    world.network.cut(owner, client);
    const inDoubt = put(cluster, key, 'second', revision);
    await pass(cluster, 100);
    split(cluster, key);
    await until(cluster, () => hasSplit(cluster));
    world.network.breakBetween(owner, client);
    await pass(cluster, 50);
    world.network.repair(owner, client);
    t.is((await world.until(inDoubt)).kind, 'written');
    await heal(cluster);
    t.deepEqual(world.violations, []);
  });
}

function pass(cluster: Cluster, ms: number): Promise<void> {
  const end = cluster.world.clock.now + ms;
  return until(cluster, () => cluster.world.clock.now >= end);
}

/** A put by one client. @param ifRevision null: whatever is there */
function put({ anyClient }: Cluster, key: string, value: string, ifRevision: number | null) {
  const mutations = [{ kind: 'put', key, value, ifRevision } as const];
  return present(anyClient.ask({ kind: 'write', mutations }), 'a client');
}
