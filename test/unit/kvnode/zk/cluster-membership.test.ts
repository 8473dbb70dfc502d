// R9: a node refuses every cluster but its own. It checks that in every session, because ZooKeeper may have lost its data meanwhile.

import test from 'ava';
import { DEFAULT_SESSION } from '../../../../common/model/config.ts';
import { ProcessExit } from '../../../../common/process/exit.ts';
import { connectZk } from '../../../../common/zk/zk.ts';
import { clusterCodec, paths } from '../../../../common/zk/znodes.ts';
import { Stage } from '../../../../kvnode/process/stage.ts';
import { admit } from '../../../../kvnode/zk/cluster-membership.ts';
import { World } from '../../../sim/world/world.ts';
import { ZkEnsemble } from '../../../sim/world/zk-ensemble.ts';
import { linksOf } from '../../../sim/world/zk-link.ts';

/** A node of cluster `own`; ZooKeeper has no cluster yet. */
function nodeOf(own: string | null) {
  const world = new World(1);
  const ensemble = new ZkEnsemble(world, [world.makeHost('zk-1')]);
  const { process, logger } = world.makeHost('node-1');
  const { env } = process;
  const ended: unknown[] = [];
  process.onCrash = (error) => ended.push(error);
  const storage = { clusterId: own, joinCluster: async () => {} };
  const stage = new Stage();
  const zk = connectZk({
    connect: ensemble.connectString,
    config: DEFAULT_SESSION,
    env,
    logger,
    openLink: linksOf(ensemble, process),
    admit: (session) => admit(session, { storage, env, logger, stage }),
  });
  const pass = async (ms: number) => {
    const end = world.clock.now + ms;
    await world.clock.run(() => world.clock.now >= end);
  };
  const makeCluster = (clusterId: string) => {
    const data = clusterCodec.encode({
      format: 1,
      clusterId,
      nextNamespaceId: 1,
      nextRangeId: 1,
      tickMs: null,
    });
    const session = ensemble.openSession(10_000);
    ensemble.write(session, [{ kind: 'create', path: paths.cluster, data, mode: 'persistent' }]);
  };
  return { zk, ensemble, pass, makeCluster, ended, stage };
}

test('a session of the own cluster is used', async (t) => {
  const { zk, pass, makeCluster } = nodeOf('c-1');
  makeCluster('c-1');
  await pass(100);
  t.not(zk.session, null);
});

test('a node that has not joined a cluster yet uses any session', async (t) => {
  const { zk, pass } = nodeOf(null);
  await pass(100);
  t.not(zk.session, null);
});

test('a session without a cluster is used once the own cluster is there', async (t) => {
  const { zk, pass, makeCluster, ended, stage } = nodeOf('c-1');
  await pass(20_000);
  t.is(zk.session, null);
  t.regex(String(stage.notReadyReason), /^waiting for ZooKeeper to have the cluster again/);
  makeCluster('c-1');
  await pass(1_000);
  t.not(zk.session, null);
  t.deepEqual(ended, []);
});

test('a session of another cluster is never used, and ends the process', async (t) => {
  const { zk, pass, makeCluster, ended } = nodeOf('c-1');
  makeCluster('c-2');
  await pass(1_000);
  t.is(zk.session, null);
  t.true(ended[0] instanceof ProcessExit);
  t.regex(String(ended[0]), /belongs to cluster c-1, ZooKeeper says c-2/);
});

test('ZooKeeper loses everything while the node runs, and then has its own data again', async (t) => {
  const { zk, ensemble, pass, makeCluster, ended } = nodeOf('c-1');
  makeCluster('c-1');
  await pass(100);
  const first = zk.session;
  ensemble.empty();
  await pass(10_000);
  t.is(zk.session, null);
  ensemble.undoEmpty();
  await pass(10_000);
  t.not(zk.session, null);
  t.not(zk.session, first);
  t.deepEqual(ended, []);
});
