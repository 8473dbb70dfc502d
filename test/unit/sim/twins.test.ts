// The simulator's network, ZooKeeper and disks pass the same conformance suites as the real ones, in virtual time.

import test from 'ava';
import { connectZk } from '../../../common/zk/zk.ts';
import { openStorage } from '../../../kvnode/storage/open.ts';
import { MachineDisk } from '../../sim/world/machine-disk.ts';
import { World } from '../../sim/world/world.ts';
import { TICK_MS, ZkEnsemble } from '../../sim/world/zk-ensemble.ts';
import { linksOf } from '../../sim/world/zk-link.ts';
import { diskSuite } from '../../suites/storage/disk-suite.ts';
import { engineSuite } from '../../suites/storage/engine-suite.ts';
import { noLock } from '../../suites/storage/memory-state.ts';
import { storageSuite } from '../../suites/storage/storage-suite.ts';
import { SMALL_LIMITS } from '../../suites/storage/world.ts';
import { transportSuite } from '../../suites/transport/conformance.ts';
import { childrenOf, registerChildrenSuite } from '../../suites/zk/children-suite.ts';
import { registerStoreSuite, type StoreWorld } from '../../suites/zk/store-suite.ts';
import { TEST_SESSION } from '../../support/zookeeper.ts';

/** Latencies, and how far ZooKeeper servers are behind each other, differ with the seed. */
const SEEDS = [1, 2, 3];

for (const seed of SEEDS) {
  transportSuite(test, `network of seed ${seed}`, () => {
    const world = new World(seed);
    const server = world.makeHost('server');
    const client = world.makeHost('client');
    return {
      transport: world.network.transportOf(client.process),
      listen: async (accept) => world.network.listen(server.process, 'server:7000', accept),
      deadAddress: 'server:1',
      until: (promise) => world.until(promise),
    };
  });

  const ensembleWorld = async (): Promise<StoreWorld> => {
    const world = new World(seed);
    const hosts = ['zk-1', 'zk-2', 'zk-3'].map((name) => world.makeHost(name));
    const ensemble = new ZkEnsemble(world, hosts);
    for (const server of ensemble.servers) server.lagMs = world.rng.pick([2, 50]);
    ensemble.commitMs = world.rng.pick([0, 30]);
    let clients = 0;
    return {
      open: () => {
        const { process, logger } = world.makeHost(`client-${++clients}`);
        return connectZk({
          connect: `${ensemble.connectString}/some/root`,
          config: { ...TEST_SESSION, sessionMs: 6_000 },
          env: process.env,
          logger,
          tickMs: () => TICK_MS,
          openLink: linksOf(ensemble, process),
        });
      },
      waitMsMax: 20_000,
      until: (promise) => world.until(promise),
    };
  };
  registerStoreSuite(test, `ensemble of seed ${seed}`, ensembleWorld);
  registerChildrenSuite(test, `ensemble of seed ${seed}`, async () => childrenOf(await ensembleWorld()));

  storageSuite(test, `machine of seed ${seed}`, async () => {
    const { world, disk, process, logger } = machine(seed);
    return {
      open: () =>
        openStorage(disk.directory, {
          env: process.env,
          logger,
          limits: SMALL_LIMITS,
          disk: disk.diskFor(process),
          openState: disk.openStateFor(process),
          lock: noLock,
        }),
      remove: async () => {},
      until: (promise) => world.until(promise),
    };
  });

  engineSuite(test, `machine's state of seed ${seed}`, async () => {
    const { world, disk, process } = machine(seed);
    const open = disk.openStateFor(process);
    return {
      open: () => open('/data/state'),
      remove: async () => {},
      until: (promise) => world.until(promise),
    };
  });

  diskSuite(test, `machine's disk of seed ${seed}`, async () => {
    const { world, disk, process } = machine(seed);
    return {
      disk: disk.diskFor(process),
      directory: `${disk.directory}/wal`,
      remove: async () => {},
      until: (promise) => world.until(promise),
    };
  });
}

function machine(seed: number) {
  const world = new World(seed);
  const { process, logger } = world.makeHost('node');
  return { world, disk: new MachineDisk(world), process, logger };
}
