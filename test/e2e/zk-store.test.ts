// The conformance suite of the ZooKeeper layer against a real server, next door and over a slow network.

import test, { type ExecutionContext } from 'ava';
import { registerStoreSuite } from '../suites/zk/store-suite.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { openZk, startZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

function world(t: ExecutionContext, connect: string) {
  const config = { ...TEST_SESSION, sessionMs: 6_000 };
  return {
    open: () => openZk(t, connect, { config }),
    patienceMs: 20_000,
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
