// Ephemeral znodes of a process, when its former session still has one, and when answers are lost.

import test, { type ExecutionContext } from 'ava';
import { emptyBytes, toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { createOwnEphemeral } from '../../common/zk/own-ephemeral.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { coordinatorEpochCodec, paths } from '../../common/zk/znodes.ts';
import { campaign } from '../../coordinator/election.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { openZk, startOwnZooKeeper, startZooKeeper, TEST_SESSION } from '../support/zookeeper.ts';

const env = realEnv;
const mine = toBytes('mine');
const theirs = toBytes('theirs');

async function ready(zk: Zk): Promise<ZkSession> {
  const session = await zk.ready(WAIT_MS_MAX);
  await session.createRoot();
  return session;
}

/** Resolves with the names of the children once there are `count` of them. */
function untilChildren(zk: Zk, path: string, count: number): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const observer = zk.observeChildren(path, (names) => {
      if (names?.length !== count) return;
      observer.close();
      resolve(names);
    });
  });
}

async function lossy(t: ExecutionContext) {
  const { connect, address } = await startZooKeeper(t);
  const proxy = await startProxy(t, Number(address.split(':')[1]));
  const otherZk = openZk(t, connect);
  const other = await ready(otherZk);
  const zk = openZk(t, connect.replace(address, proxy.address));
  return { proxy, other, otherZk, zk, session: await ready(zk) };
}

test('a live session keeps its znode; the next session gets it when that session ends', async (t) => {
  const { connect } = await startZooKeeper(t);
  const holderZk = openZk(t, connect);
  const holder = await ready(holderZk);
  await holder.create('/live', theirs, 'ephemeral');
  const zk = openZk(t, connect);
  const session = await ready(zk);
  const made = createOwnEphemeral({ zk, session, env }, '/live', mine);
  for (let reads = 0; reads < 50; reads++) {
    t.is((await holder.get('/live'))?.ephemeralOwner, holder.id);
  }
  await holderZk.close();
  await made;
  const node = await session.get('/live');
  t.is(node?.ephemeralOwner, session.id);
  t.deepEqual(node?.data, mine);
});

test('after a lost answer the process recognises the znode that it created', async (t) => {
  const { proxy, other, otherZk, zk, session } = await lossy(t);
  proxy.hold('to-client');
  const made = createOwnEphemeral({ zk, session, env }, '/live', mine);
  await untilChildren(otherZk, '/', 1);
  const first = await other.get('/live');
  proxy.cut();
  proxy.release();
  await made;
  const node = await session.get('/live');
  t.is(node?.ephemeralOwner, session.id);
  t.is(node?.czxid, first?.czxid);
});

test('an own znode with older data is updated', async (t) => {
  const { connect } = await startZooKeeper(t);
  const zk = openZk(t, connect);
  const session = await ready(zk);
  await session.create('/live', theirs, 'ephemeral');
  await createOwnEphemeral({ zk, session, env }, '/live', mine);
  t.deepEqual((await session.get('/live'))?.data, mine);
});

test('a coordinator stands in the queue once, although the answer to its creation is lost', async (t) => {
  const { proxy, other, otherZk, zk, session } = await lossy(t);
  await other.create(paths.coordinators, emptyBytes, 'persistent');
  const epoch = coordinatorEpochCodec.encode({ term: 0, leader: null });
  await other.create(paths.coordinatorEpoch, epoch, 'persistent');
  const prefix = paths.coordinatorPrefix(session.id);
  let lost = 0;
  // Only the answer to the creation contains the path.
  proxy.changeAnswer = (chunk) => {
    if (lost > 0 || !chunk.includes(prefix)) return chunk;
    lost++;
    return chunk.subarray(0, 8);
  };
  const record = { host: 'h', pid: 1, address: '127.0.0.1:1' };
  const fence = await campaign(session, {
    zk,
    env,
    logger: silentLogger,
    record,
    retryMs: 50,
    standingBy: () => {},
  });
  t.is(lost, 1);
  t.is(fence.term, 1);
  t.is((await untilChildren(otherZk, paths.coordinators, 1)).length, 1);
});

test('a session of this process that still holds the path is closed, not waited for', async (t) => {
  const server = await startOwnZooKeeper(t);
  // Longer than a busy machine needs from the server's start to the end of the test.
  const config = { ...TEST_SESSION, sessionMs: 10_000 };
  // Another session with the same timeout T that nobody closes: its znode shows that T is not over.
  const proxy = await startProxy(t, server.port);
  const witnessZk = openZk(t, proxy.address, { config });
  const witness = await witnessZk.ready(WAIT_MS_MAX);
  const zk = openZk(t, server.address, { config });
  const former = await zk.ready(WAIT_MS_MAX);
  await former.create('/live', theirs, 'ephemeral');
  await witness.create('/witness', theirs, 'ephemeral');
  proxy.hold('to-server', 'to-client');
  const ended = new Promise<string>((resolve) => former.onEnd(resolve));
  await server.kill();
  t.regex(await ended, /no heartbeat answered/);
  // After a restart of the server every session gets its full timeout again.
  await server.start();
  const session = await zk.ready(WAIT_MS_MAX);
  await createOwnEphemeral({ zk, session, env }, '/live', mine);
  t.truthy(await session.get('/witness'), 'T is not over');
  t.is((await session.get('/live'))?.ephemeralOwner, session.id);
});

test('a wait ends with the session; an error that no wait can solve is reported at once', async (t) => {
  const { connect } = await startZooKeeper(t);
  const holder = await ready(openZk(t, connect));
  await holder.create('/live', theirs, 'ephemeral');
  await holder.create('/persistent', theirs, 'persistent');
  const zk = openZk(t, connect);
  const session = await ready(zk);
  const failure = async (path: string) => {
    const error = await t.throwsAsync(createOwnEphemeral({ zk, session, env }, path, mine), {
      instanceOf: ZkError,
    });
    return error?.failure;
  };
  t.is(await failure('/no/parent'), 'no-node');
  t.is(await failure('/persistent'), 'node-exists');
  const waiting = failure('/live');
  await session.barrier();
  await zk.close();
  t.is(await waiting, 'ended');
});
