// All processes, including ZooKeeper, are killed at the same time while several clients compete for the same keys by
// compare-and-set, and once more before the cluster has recovered. Acknowledged writes stay, and every chain of conditions is
// complete.

import test from 'ava';
import { Register } from '../support/register.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { startOwnZooKeeper } from '../support/zookeeper.ts';

/** Keys of three ranges. */
const KEYS = ['b', 'k', 't'];
const RACERS = 3;
const ROUNDS = 2;

test.serial(
  'all processes are killed at the same time during chains of compare-and-set, twice',
  async (t) => {
    const server = await startOwnZooKeeper(t);
    const cluster = await TestCluster.start(t, { zk: `${server.address}/rangekeeper`, coordinators: 2 });
    const registers = KEYS.map((key) => new Register(t, key));
    for (let racer = 1; racer <= RACERS; racer++) {
      const client = await openClient(t, cluster);
      for (const register of registers) register.raceBy(client, `racer ${racer}`);
    }
    const allRun = () => Promise.all(registers.map((register) => register.nextWrite()));
    await allRun();
    for (let round = 0; round < ROUNDS; round++) {
      const processes = [...cluster.coordinators, ...cluster.nodes.map(({ process }) => process)];
      await Promise.all([server.kill(), ...processes.map((process) => process.killAll())]);
      await server.start();
      cluster.startCoordinator();
      await Promise.all(cluster.nodes.map((node) => cluster.restart(node)));
      await allRun();
    }
    await cluster.allInSync();
    await allRun();
    const last = await openClient(t, cluster);
    for (const register of registers) {
      await register.stop();
      t.log(`${register.key}: ${register.summary}`);
      t.deepEqual(register.violations(), []);
      t.true(
        ((await last.get(register.key))?.revision ?? 0) >= register.lastRevision,
        'the end of the chain is there',
      );
    }
  },
);
