// Runs the conformance suites of the ZooKeeper layer on a real server, directly and over a slow network.

import test, { type ExecutionContext } from 'ava';
import { childrenOf, registerChildrenSuite } from '../suites/zk/children-suite.ts';
import { registerStoreSuite, type StoreWorld } from '../suites/zk/store-suite.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { openZk, startZooKeeper } from '../support/zookeeper.ts';

function world(t: ExecutionContext, connect: string): StoreWorld {
  return {
    open: () => openZk(t, connect),
    waitMsMax: WAIT_MS_MAX,
    until: <T>(promise: Promise<T>) => promise,
  };
}

async function nextDoor(t: ExecutionContext): Promise<StoreWorld> {
  return world(t, (await startZooKeeper(t)).connect);
}

async function farAway(t: ExecutionContext): Promise<StoreWorld> {
  const { connect, address } = await startZooKeeper(t);
  const proxy = await startProxy(t, Number(address.split(':')[1]));
  proxy.delayMs = 5;
  return world(t, connect.replace(address, proxy.address));
}

registerStoreSuite(test, 'ZooKeeper', nextDoor);
registerStoreSuite(test, 'ZooKeeper far away', farAway);
registerChildrenSuite(test, 'ZooKeeper', async (t) => childrenOf(await nextDoor(t)));
registerChildrenSuite(test, 'ZooKeeper far away', async (t) => childrenOf(await farAway(t)));
