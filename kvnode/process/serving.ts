// A node at work: its replicas, the protocol on the port that others reach it by, its place in ZooKeeper; and how all that
// ends in order. What it stands on (port, storage, ZooKeeper) is opened before and closed after, by others.

import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Metrics } from '../../common/net/metrics.ts';
import type { Reception } from '../../common/net/reception.ts';
import { type WsListener, WsTransport } from '../../common/net/ws-transport.ts';
import { VERSION } from '../../common/process/version.ts';
import type { Zk } from '../../common/zk/store.ts';
import { whyNotReady } from '../health/readiness.ts';
import { KvNode } from '../node.ts';
import { addNodeMetrics, addReceptionMetrics } from '../node-metrics.ts';
import type { Storage } from '../storage/storage.ts';
import { Registration } from '../zk/registration.ts';
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
  readonly capacity: number;
  readonly listener: WsListener;
  /** Bounds what comes in at the listener. */
  readonly reception: Reception;
  /** What others are told to connect to; null: where it listens. */
  readonly advertise: string | null;
  /** Replicas and state store are verified once in so many hours; 0: never. */
  readonly scrubHours: number;
  /** Shown to operators: what the node lacks, and what it counts. */
  readonly stage: Stage;
  readonly metrics: Metrics;
}

export interface ServingNode {
  readonly node: KvNode;
  /** Hands over, withdraws, ends all connections. */
  close(): Promise<void>;
}

export function serveNode(options: ServingOptions): ServingNode {
  const { env, logger, memory, storage, zk, clusterId, name, zone, capacity, listener, stage } = options;
  const { queuedBytesMax, scansMax } = memory;
  const config = { ...memory.replication, scrubEveryMs: options.scrubHours * 3_600_000 };
  const { reception } = options;
  const node = new KvNode({
    ...{ clusterId, version: VERSION, env, logger, zk, storage, config, scansMax },
    transport: new WsTransport(env),
    channel: { queuedBytesMax },
  });
  addNodeMetrics(options.metrics, node, storage, memory);
  addReceptionMetrics(options.metrics, reception);
  listener.accept((connection) =>
    reception.accept(connection, {
      env,
      log: logger,
      self: { clusterId, nodeId: node.id },
      handlers: node.handlers,
      turnEnd: node.turnEnd,
      config: { queuedBytesMax },
    }),
  );
  stage.enter('registering in ZooKeeper');
  const address = options.advertise ?? listener.address;
  const registration: Registration = new Registration({
    zk,
    env,
    logger,
    storage,
    record: { id: node.id, name, zone, capacity, mode: 'active' },
    live: { name, address, startedAt: env.wallNow(), version: VERSION },
    registered: (session) => {
      if (session === null) stage.enter('not registered in ZooKeeper');
      else stage.ready(() => whyNotReady(node, registration.unreachable));
      node.useSession(session);
    },
  });
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
