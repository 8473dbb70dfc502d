// ZooKeeper as a contender: an ensemble of three with the heap, the compiler and the log files that its own scripts give
// it, and forceSync as it comes (on).

import { join } from 'node:path';
import { realEnv } from '../../common/base/env.ts';
import type { ServerProgram } from '../../common/zk/find-server.ts';
import { ManagedServer } from '../../common/zk/managed-server.ts';
import { freePorts } from '../../common/zk/server-port.ts';

const SERVERS = 3;
const TICK_MS = 2_000;

export class ZookeeperEnsemble {
  /** Of the leader: a follower would pass every write on to it. */
  readonly port: number;
  readonly #servers: readonly ManagedServer[];

  private constructor(port: number, servers: readonly ManagedServer[]) {
    this.port = port;
    this.#servers = servers;
  }

  static async start(program: ServerProgram, directory: string): Promise<ZookeeperEnsemble> {
    const ports = await freePorts(realEnv, '127.0.0.1', 3 * SERVERS);
    const port = (index: number): number => ports[index] ?? 0;
    const peers = Array.from({ length: SERVERS }, (_, i) => ({
      id: i + 1,
      quorumPort: port(SERVERS + i),
      electionPort: port(2 * SERVERS + i),
    }));
    const servers = peers.map(
      ({ id }) =>
        new ManagedServer({
          program,
          env: realEnv,
          directory: join(directory, `zookeeper-${id}`),
          port: port(id - 1),
          tickMs: TICK_MS,
          sessionMsMin: 2 * TICK_MS,
          sessionMsMax: 60_000,
          ensemble: { id, peers },
          full: true,
        }),
    );
    await Promise.all(servers.map((server) => server.start()));
    const modes = await Promise.all(servers.map((server) => server.mode()));
    const leader = servers[modes.indexOf('leader')];
    if (leader === undefined) throw new Error(`ZooKeeper has no leader among ${modes.join(', ')}`);
    return new ZookeeperEnsemble(leader.port, servers);
  }

  get pids(): readonly number[] {
    return this.#servers.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()));
  }
}
