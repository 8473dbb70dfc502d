// The lease [safety] with real servers: whatever is cut, frozen or stopped, a lease ends before anybody else can see that its
// ephemeral znode is gone. Holders are connected to a follower, which answers them, although only the leader ends sessions.

import { fork } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import type { ManagedServer } from '../../common/zk/managed-server.ts';
import type { Zk, ZkSession } from '../../common/zk/store.ts';
import type { HolderMessage } from '../support/lease-holder.ts';
import { untilStopped, WAIT_MS_MAX } from '../support/processes.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import {
  freeze,
  memberThatIs,
  openZk,
  startEnsemble,
  startOwnZooKeeper,
  TEST_SESSION,
  TICK_MS,
} from '../support/zookeeper.ts';

/** Session timeout, ms: longer than a busy machine needs to answer the heartbeats of all holders. */
const SESSION_MS = 4_000;
const nothing = new Uint8Array(0);

const sleep = (ms: number) => new Promise<void>((resolve) => realEnv.after(ms, resolve));

interface Holder {
  readonly path: string;
  readonly session: ZkSession;
  readonly proxy: TcpProxy;
}

/** Waits until the lease is valid; on a busy machine it may lapse for a while. A session that ends meanwhile is checked, too. */
async function leased(session: ZkSession): Promise<void> {
  while (!session.ended && session.leaseUntil() < realEnv.now()) await sleep(5);
}

/** Opens a session with its ephemeral znode and a valid lease, through a proxy of its own. */
async function holder(t: ExecutionContext, port: number, path: string): Promise<Holder> {
  const proxy = await startProxy(t, port);
  const zk = openZk(t, proxy.address, { config: { ...TEST_SESSION, sessionMs: SESSION_MS } });
  const session = await zk.ready(WAIT_MS_MAX);
  await session.create(path, nothing, 'ephemeral');
  session.startLease(path);
  await leased(session);
  return { path, session, proxy };
}

/** The times at which `observer` sees that the znodes are gone. All of them exist when this is called. */
async function vanishing(observer: Zk, holders: readonly { path: string }[]): Promise<Promise<number>[]> {
  await (await observer.ready(WAIT_MS_MAX)).barrier();
  return holders.map(
    ({ path }) =>
      new Promise((resolve) => {
        const watching = observer.observeData(path, (node) => {
          if (node !== null) return;
          watching.close();
          resolve(realEnv.now());
        });
      }),
  );
}

/** Cuts each holder off at a different moment within a heartbeat's interval, and compares the ends of lease and znode. */
async function cutAndCompare(t: ExecutionContext, holders: readonly Holder[], observer: Zk): Promise<void> {
  const gone = await vanishing(observer, holders);
  await sleep(500);
  for (const [index, { proxy, session }] of holders.entries()) {
    await sleep(37 * (index % 4));
    await leased(session);
    if (index % 2 === 0) proxy.hold('to-server', 'to-client');
    else proxy.hold('to-client');
  }
  const times = await Promise.all(gone);
  for (const [index, { session, path }] of holders.entries()) {
    const until = session.leaseUntil();
    const vanishedAt = times[index] ?? Number.NaN;
    t.true(until < vanishedAt, `${path}: lease until ${until}, vanished at ${vanishedAt}`);
  }
}

test('the lease ends in time after a silent cut from a single server', async (t) => {
  const server = await startOwnZooKeeper(t);
  const observer = openZk(t, server.address);
  await observer.ready(WAIT_MS_MAX);
  const names = Array.from({ length: 6 }, (_, index) => `/live-${index}`);
  const holders = await Promise.all(names.map((path) => holder(t, server.port, path)));
  await cutAndCompare(t, holders, observer);
});

/** Duration of a pause, ms: almost the time for which a session lives without a heartbeat. */
const STALL_MS = 2_500;

interface Remote {
  readonly path: string;
  until(): number;
  /** Stops the process for `ms`; resolves once its heartbeats are answered again. */
  stall(ms: number): Promise<void>;
}

/** Starts a holder in a process of its own and waits until its lease is valid. */
async function remoteHolder(t: ExecutionContext, server: ManagedServer, path: string): Promise<Remote> {
  const script = new URL('../support/lease-holder.js', import.meta.url);
  const child = fork(script, [server.address, path, String(SESSION_MS), String(TICK_MS)], {
    stdio: 'inherit',
  });
  t.teardown(() => child.kill('SIGKILL'));
  let until = Number.NEGATIVE_INFINITY;
  // The offset between the two clocks. A message takes some time, so the offset is at most the lowest difference.
  let offset = Number.POSITIVE_INFINITY;
  let answered: () => void = () => {};
  await new Promise<void>((resolve) => {
    child.on('message', (message: HolderMessage) => {
      offset = Math.min(offset, realEnv.now() - message.now);
      until = message.until;
      if (message.kind === 'answered') answered();
      if (until > message.now) resolve();
    });
  });
  return {
    path,
    until: () => until + offset,
    async stall(ms) {
      child.kill('SIGSTOP');
      await untilStopped(child.pid ?? 0);
      await sleep(ms);
      await new Promise<void>((resolve) => {
        answered = resolve;
        child.kill('SIGCONT');
      });
    },
  };
}

test('the lease ends in time in an ensemble: after a cut from a follower, with a frozen follower, and after a pause', async (t) => {
  const servers = await startEnsemble(t);
  const [leader, follower] = [await memberThatIs('leader', servers), await memberThatIs('follower', servers)];
  const observer = openZk(t, leader.address);
  await observer.ready(WAIT_MS_MAX);
  const make = (prefix: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => holder(t, follower.port, `/${prefix}-${index}`)));

  await cutAndCompare(t, await make('cut', 4), observer);

  const frozen = await make('frozen', 4);
  const frozenGone = await vanishing(observer, frozen);
  await sleep(500);
  await freeze(follower);
  const times = await Promise.all(frozenGone);
  for (const [index, { session }] of frozen.entries()) {
    const vanishedAt = times[index] ?? Number.NaN;
    const until = session.leaseUntil();
    t.true(until < vanishedAt, `frozen follower: lease until ${until}, vanished at ${vanishedAt}`);
  }
  follower.resume();

  const names = Array.from({ length: 4 }, (_, index) => `/stalled-${index}`);
  const stalled = await Promise.all(names.map((path) => remoteHolder(t, follower, path)));
  const stalledGone = await vanishing(observer, stalled);
  await sleep(500);
  await Promise.all(stalled.map((remote) => remote.stall(STALL_MS)));
  await freeze(follower);
  const stalledTimes = await Promise.all(stalledGone);
  for (const [index, remote] of stalled.entries()) {
    const until = remote.until();
    const vanishedAt = stalledTimes[index] ?? Number.NaN;
    t.true(until < vanishedAt, `${remote.path}: lease until ${until}, vanished at ${vanishedAt}`);
  }
  follower.resume();
});
