// ZooKeeper for tests. Each test file has one real server, which starts at the first use and stops after the last test. Each test
// has a root of its own there. Tests that stop or freeze servers start their own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import type { SessionConfig } from '../../common/model/config.ts';
import { findServer } from '../../common/zk/find-server.ts';
import { ManagedServer, type Peer } from '../../common/zk/managed-server.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import type { Zk } from '../../common/zk/store.ts';
import { connectZk, type ZkOptions } from '../../common/zk/zk.ts';
import { untilStopped, WAIT_MS_MAX } from './processes.ts';

export const TICK_MS = 200;
const HOST = '127.0.0.1';

/**
 * The session timeout is so long that no session ends on a busy machine, and no request times out (after a third of it). A test
 * that waits for either sets a shorter one.
 */
export const TEST_SESSION: SessionConfig = {
  sessionMs: 30_000,
  heartbeatsPerSession: 6,
  leaseSlackMs: 100,
  pollMs: 5_000,
};

export interface TestZooKeeper {
  /** Connect string with a root that no other test has; the root does not exist yet. */
  readonly connect: string;
  /** The address of the server, without a root. */
  readonly address: string;
}

let shared: Promise<ManagedServer> | null = null;
let directory: string | null = null;
let roots = 0;

/** The shared server of the test file. Do not stop or freeze it: use {@link startOwnZooKeeper} for that. */
export async function startZooKeeper(_t: ExecutionContext): Promise<TestZooKeeper> {
  shared ??= startShared();
  const { address } = await shared;
  return { address, connect: `${address}/test-${++roots}` };
}

async function startShared(): Promise<ManagedServer> {
  directory = await mkdtemp(join(tmpdir(), 'rangekeeper-zk-'));
  const [port] = await freePorts(realEnv, HOST, 1);
  return startServer(directory, port ?? 0);
}

test.after.always('stop the shared ZooKeeper', async () => {
  if (shared === null) return;
  const server = await shared.catch(() => null);
  await server?.kill();
  if (directory !== null) await rm(directory, { recursive: true, force: true });
});

/** Starts a server for this test alone, and stops and removes it at the end. */
export async function startOwnZooKeeper(
  t: ExecutionContext,
  tickMs: number = TICK_MS,
): Promise<ManagedServer> {
  const [server] = await prepare(t, 1, tickMs);
  if (server === undefined) throw new Error('no server prepared');
  await server.start();
  return server;
}

/** Starts an ensemble for this test alone. All servers serve when this resolves. */
export async function startEnsemble(t: ExecutionContext, size = 3): Promise<ManagedServer[]> {
  const servers = await prepare(t, size, TICK_MS);
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}

/** Calls {@link ManagedServer.pause} and resolves when the process has stopped. */
export async function freeze(server: ManagedServer): Promise<void> {
  server.pause();
  await untilStopped(server.pid ?? 0);
}

/** Waits for a member with this role and returns it. The role of a single server is `standalone`. */
export async function memberThatIs(role: string, members: readonly ManagedServer[]): Promise<ManagedServer> {
  const end = realEnv.now() + WAIT_MS_MAX;
  for (;;) {
    const modes = await Promise.all(members.map((member) => member.mode()));
    const found = members[modes.indexOf(role)];
    if (found !== undefined) return found;
    if (realEnv.now() > end) throw new Error(`no ${role} among ${modes.join()}`);
    await delay(realEnv, 50);
  }
}

/** Opens a client of ZooKeeper and closes it when the test ends. */
export function openZk(t: ExecutionContext, connect: string, options: Partial<ZkOptions> = {}): Zk {
  const zk = connectZk({
    connect,
    config: TEST_SESSION,
    env: realEnv,
    logger: silentLogger,
    tickMs: () => TICK_MS,
    ...options,
  });
  t.teardown(() => zk.close());
  return zk;
}

async function prepare(t: ExecutionContext, size: number, tickMs: number): Promise<ManagedServer[]> {
  const base = await mkdtemp(join(tmpdir(), 'rangekeeper-zk-'));
  const ports = await freePorts(realEnv, HOST, size * 3);
  const peers: Peer[] = Array.from({ length: size }, (_, index) => ({
    id: index + 1,
    quorumPort: ports[size + index] ?? 0,
    electionPort: ports[2 * size + index] ?? 0,
  }));
  const servers = peers.map((peer, index) =>
    makeServer(
      join(base, String(peer.id)),
      ports[index] ?? 0,
      tickMs,
      size === 1 ? undefined : { id: peer.id, peers },
    ),
  );
  t.teardown(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await rm(base, { recursive: true, force: true });
  });
  return servers;
}

async function startServer(folder: string, port: number): Promise<ManagedServer> {
  const server = makeServer(folder, port, TICK_MS);
  await server.start();
  return server;
}

function makeServer(
  folder: string,
  port: number,
  tickMs: number,
  ensemble?: { id: number; peers: readonly Peer[] },
): ManagedServer {
  return new ManagedServer({
    program: findServer(process.env),
    env: realEnv,
    directory: folder,
    port,
    tickMs,
    sessionMsMin: 2 * tickMs,
    sessionMsMax: 60_000,
    ...(ensemble === undefined ? {} : { ensemble }),
  });
}
