// The conformance suite of the ZooKeeper layer against a real server.

import test from 'ava';
import { registerStoreSuite } from '../suites/zk/store-suite.ts';
import { openZk, startZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

registerStoreSuite(test, 'ZooKeeper', async (t) => {
  const { connect } = await startZooKeeper(t);
  return {
    open: () => openZk(t, connect, { config: { ...TEST_SESSION, sessionMs: 6_000 } }),
    patienceMs: 10_000,
  };
});
