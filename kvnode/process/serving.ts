// A node at work: its replicas, the protocol on its port, its registration in ZooKeeper, its metrics, and how all of it stops in
// order. The port, the storage and the ZooKeeper session are opened before and closed afterwards, by kvnode/main.ts.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { AcceptedConnections } from '../../common/net/accepted-connections.ts';
import type { Metrics } from '../../common/net/metrics.ts';
import { type WsListener, WsTransport } from '../../common/net/ws-transport.ts';
import { VERSION } from '../../common/process/version.ts';
import type { Zk } from '../../common/zk/store.ts';
import { notReadyReason } from '../health/readiness.ts';
import { KvNode } from '../node.ts';
import { addConnectionMetrics, addNodeMetrics } from '../node-metrics.ts';
import type { Storage } from '../storage/storage.ts';
import { Registration } from '../zk/registration.ts';
import { machineName } from './machine.ts';
import type { NodeMemory } from './memory.ts';
import type { Stage } from './stage.ts';

export interface ServingOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly memory: NodeMemory;
  readonly storage: Storage;
  readonly zk: Zk;
  readonly clusterId: string;
  readonly name: string;
  readonly zone: string;
  /** Null: it follows from the host. */
  readonly machine: string | null;
  readonly capacity: number;
  readonly listener: WsListener;
  /** Limits the connections that the listener accepts. */
  readonly accepted: AcceptedConnections;
  /** The address that others connect to; null: the one that it listens on. */
  readonly advertise: string | null;
  /** Period in which replicas and the state store are verified, hours; 0: never. */
  readonly scrubHours: number;
  readonly stage: Stage;
  readonly metrics: Metrics;
}

export interface ServingNode {
  readonly node: KvNode;
  /** Hands over, withdraws from ZooKeeper, and closes all connections. */
  close(): Promise<void>;
}

export function serveNode(options: ServingOptions): ServingNode {
  const { metrics, storage, memory, accepted, listener, stage } = options;
  const node = makeNode(options);
  addNodeMetrics(metrics, node, storage, memory);
  addConnectionMetrics(metrics, accepted);
  acceptConnections(node, options);
  stage.enter('registering in ZooKeeper');
  const registration = register(node, options);
  return {
    node,
    async close() {
      await registration.announceStop();
      await node.close();
      await registration.close();
      listener.accept(null);
    },
  };
}

function makeNode({ env, logger, zk, storage, clusterId, memory, scrubHours }: ServingOptions): KvNode {
  const { queuedBytesMax, scansMax } = memory;
  const config = { ...memory.replication, scrubEveryMs: scrubHours * 3_600_000 };
  return new KvNode({
    ...{ clusterId, version: VERSION, env, logger, zk, storage, config, scansMax },
    transport: new WsTransport(env),
    cpuMs: processCpuMs,
    channel: { queuedBytesMax },
  });
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function acceptConnections(
  node: KvNode,
  { env, logger, clusterId, memory, listener, accepted }: ServingOptions,
): void {
  const { queuedBytesMax } = memory;
  listener.accept((connection) =>
    accepted.accept(connection, {
      env,
      log: logger,
      self: { clusterId, nodeId: node.id },
      handlers: node.handlers,
      turnEnd: node.turnEnd,
      config: { queuedBytesMax },
    }),
  );
}

function register(node: KvNode, options: ServingOptions): Registration {
  const { env, logger, zk, storage, name, zone, capacity, advertise, listener, stage } = options;
  const address = advertise ?? listener.address;
  const machine = machineName(options.machine, address);
  const registration: Registration = new Registration({
    ...{ zk, env, logger, storage },
    record: {
      ...{ id: node.id, name, zone, capacity, mode: 'active' },
      ...(machine === undefined ? {} : { machine }),
    },
    live: { name, address, startedAt: env.wallNow(), version: VERSION },
    registered: (session) => {
      if (session === null) stage.enter('not registered in ZooKeeper');
      else stage.ready(() => notReadyReason(node, registration.unreachable));
      node.useSession(session);
    },
  });
  return registration;
}
