// The client library: what `import { connect } from 'rangekeeper'` gives. api.ts documents every method.

import { realEnv } from '../common/base/env.ts';
import { silentLogger } from '../common/base/log.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import {
  type ConnectString,
  formatConnectString,
  parseConnectString,
} from '../common/model/connect-string.ts';
import { WsTransport } from '../common/net/ws-transport.ts';
import { connectZk } from '../common/zk/zk.ts';
import { explained } from './absence.ts';
import type { Client, ConnectOptions } from './api.ts';
import { connectStringOf, loggerOf, namespaceNameOf, positiveMs, signalOf } from './arguments.ts';
import { DEFAULT_SETTINGS, openClient } from './client.ts';
import { checkOptions, NO_OPTIONS } from './options.ts';

export type { Bytes } from '../common/base/bytes.ts';
export { formatBytes, parseBytes } from '../common/base/bytes.ts';
export type { Applied, ErrorCode, ErrorDetails, Retry } from '../common/base/errors.ts';
export { RangekeeperError } from '../common/base/errors.ts';
export type { Logger } from '../common/base/log.ts';
export type { Descriptor, DescriptorImage, Owner, Placement } from '../common/model/descriptor.ts';
export type { Epoch, NodeId, RangeId, ReplicaRef, Seq } from '../common/model/ids.ts';
export type { KeyRange } from '../common/model/key-range.ts';
export type { RaisedEpochs, RaisedRange } from '../common/model/raise-epochs.ts';
export type {
  CheckVerdict,
  RangeCheck,
  ReplicaCheck,
  ReplicaVerdict,
} from '../common/model/range-check.ts';
export type { LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
export type { FollowerStatus, NodeStatus, ReplicaStatus } from '../common/model/status.ts';
export type * from './admin-api.ts';
export type * from './api.ts';

/**
 * The ZooKeeper session timeout of a client. A client has no ephemeral znodes, so it loses nothing with its session. A short one shows
 * soon that ZooKeeper does not answer.
 */
const SESSION_MS = 4_000;

/**
 * Connects to the cluster under `options.zk`. Resolves once ZooKeeper and the cluster have answered. The client holds one ZooKeeper
 * session and a connection to each node that it uses; close it when done.
 *
 * Rejects with RangekeeperError: INVALID_ARGUMENT (options), NO_CLUSTER (no ZooKeeper, or no cluster under that root,
 * within `connectMs`), UNKNOWN_NAMESPACE.
 *
 *     const client = await connect({ zk: '127.0.0.1:2181/rangekeeper' })
 *     await client.put('user/1', 'ada')
 *     const found = await client.get('user/1', { read: 'fallback' })
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  checkOptions('connect', options ?? NO_OPTIONS);
  const connectString = connectStringOf(options?.zk);
  const settings = {
    namespace: namespaceNameOf(options.namespace ?? DEFAULT_SETTINGS.namespace),
    deadlineMs: positiveMs('deadlineMs', options.deadlineMs, DEFAULT_SETTINGS.deadlineMs),
    connectMs: positiveMs('connectMs', options.connectMs, DEFAULT_SETTINGS.connectMs),
    fallbackMs: positiveMs('fallbackMs', options.fallbackMs, DEFAULT_SETTINGS.fallbackMs),
  };
  const signal = signalOf(options.signal);
  const log = loggerOf(options.logger ?? silentLogger);
  const sessionMs = positiveMs('sessionMs', options.sessionMs, SESSION_MS);
  const env = realEnv;
  const target = parseConnectString(connectString);
  const open = (to: ConnectString) =>
    connectZk({
      connect: formatConnectString(to),
      config: { ...DEFAULT_SESSION, sessionMs },
      env,
      logger: log,
    });
  const zk = open(target);
  const opening = openClient({ zk, transport: new WsTransport(env), env, log }, settings, signal);
  return explained(opening, { target, zk, open });
}
