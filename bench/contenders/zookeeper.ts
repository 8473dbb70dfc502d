// ZooKeeper as a contender: an ensemble of three servers with the heap, the compiler and the log files of its own scripts, and with
// forceSync on, which is its default.

import { join } from 'node:path';
import { realEnv } from '../../common/base/env.ts';
import type { ServerProgram } from '../../common/zk/find-server.ts';
import { ManagedServer } from '../../common/zk/managed-server.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import type { SlotSpec } from '../load/slot.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { type Contender, programmed } from './contender.ts';

const NAME = 'zookeeper';
const SERVERS = 3;
const TICK_MS = 2_000;

export async function zookeeper(rig: Rig): Promise<Contender> {
  const ensemble = await rig.start(NAME, async (folder) => {
    const started = await startEnsemble(rig.programs.java, folder);
    await (await contenderOn(rig, started)).fill(PREFIX, rig.scale.zookeeperKeys, VALUE_BYTES);
    return started;
  });
  const contender = await contenderOn(rig, ensemble);
  const keys = (spec: SlotSpec): number => (spec.prefix === PREFIX ? rig.scale.zookeeperKeys : spec.keys);
  return { ...contender, run: (spec) => contender.run({ ...spec, keys: keys(spec) }) };
}

interface Ensemble {
  readonly servers: readonly ManagedServer[];
  /** The port of the leader: a follower would forward every write to it. */
  readonly port: number;
  stop(): Promise<void>;
}

async function startEnsemble(program: ServerProgram, directory: string): Promise<Ensemble> {
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
        ...{ program, env: realEnv, directory: join(directory, String(id)), port: port(id - 1), full: true },
        ...{ tickMs: TICK_MS, sessionMsMin: 2 * TICK_MS, sessionMsMax: 60_000, ensemble: { id, peers } },
      }),
  );
  await Promise.all(servers.map((server) => server.start()));
  const modes = await Promise.all(servers.map((server) => server.mode()));
  const leader = servers[modes.indexOf('leader')];
  if (leader === undefined) throw new Error(`ZooKeeper has no leader among ${modes.join(', ')}`);
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.kill()));
  };
  return { servers, port: leader.port, stop };
}

function contenderOn(rig: Rig, { port, servers }: Ensemble): Promise<Contender> {
  return programmed(
    rig,
    NAME,
    { kind: 'zookeeper', port, connections: 1 },
    {
      name: 'ZooKeeper, 3 servers',
      client: 'a pipelining client of our own, 1 connection',
      serverPids: () => servers.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    },
  );
}
