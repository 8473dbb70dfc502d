// The conformance suite of the ZooKeeper layer against a real server, next door and over a slow network.

import test, { type ExecutionContext } from 'ava';
import { registerStoreSuite } from '../suites/zk/store-suite.ts';
import { PATIENCE_MS } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { openZk, startZooKeeper } from '../support/zookeeper.ts';

function world(t: ExecutionContext, connect: string) {
  return {
    open: () => openZk(t, connect),
    patienceMs: PATIENCE_MS,
    until: <T>(promise: Promise<T>) => promise,
  };
}

registerStoreSuite(test, 'ZooKeeper', async (t) => world(t, (await startZooKeeper(t)).connect));

registerStoreSuite(test, 'ZooKeeper far away', async (t) => {
  const { connect, address } = await startZooKeeper(t);
  const proxy = await startProxy(t, Number(address.split(':')[1]));
  proxy.delayMs = 5;
  return world(t, connect.replace(address, proxy.address));
});
