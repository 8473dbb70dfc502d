// Sends requests to a chosen node, whoever owns the range, at the address where the node listens and not through a proxy.

import type { ExecutionContext } from 'ava';
import { toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { type Failure, RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import { Peers } from '../../common/net/peers.ts';
import { WsTransport } from '../../common/net/ws-transport.ts';
import type {
  GetReply,
  ReplyBody,
  RequestBody,
  WireReadMode,
  WriteReply,
} from '../../common/wire/messages.ts';
import { clusterCodec, paths } from '../../common/zk/znodes.ts';
import type { NodeProcess, TestCluster } from './test-cluster.ts';

const READ_MS = 1_500;
const WRITE_MS = 10_000;

/** What a request says about the range. */
export type RequestedRange = Pick<Descriptor, 'id' | 'epoch'>;

export class DirectClient {
  readonly #peers: Peers;

  private constructor(peers: Peers) {
    this.#peers = peers;
  }

  static async open(t: ExecutionContext, cluster: TestCluster): Promise<DirectClient> {
    const record = await (await cluster.zkSession()).get(paths.cluster);
    if (record === null) throw new Error('no cluster');
    const { clusterId } = clusterCodec.decode(record.data);
    const peers = new Peers({
      env: realEnv,
      log: silentLogger,
      transport: new WsTransport(realEnv),
      self: { clusterId, nodeId: '' },
      handlers: {},
    });
    t.teardown(() => peers.close());
    return new DirectClient(peers);
  }

  /** Sends a get to the node's newest address. Rejects with RangekeeperError. */
  async get(node: NodeProcess, mode: WireReadMode, as: RequestedRange, key: string): Promise<GetReply> {
    const { id: range, epoch } = as;
    const body = { kind: 'get', range, epoch, key: toBytes(key), mode, minSeq: 0 } as const;
    const reply = await this.#ask(node, body, READ_MS);
    if (reply.kind !== 'get-reply') throw new Error(`a get was answered with ${reply.kind}`);
    return reply;
  }

  /** Sends a write, an encoded operation. Rejects with RangekeeperError. */
  async write(node: NodeProcess, as: RequestedRange, operation: Uint8Array): Promise<WriteReply> {
    const { id: range, epoch } = as;
    const reply = await this.#ask(node, { kind: 'write', range, epoch, operation }, WRITE_MS);
    if (reply.kind !== 'write-reply') throw new Error(`a write was answered with ${reply.kind}`);
    return reply;
  }

  async #ask(node: NodeProcess, body: RequestBody, deadlineMs: number): Promise<ReplyBody> {
    const { address } = await node.process.logged('ready');
    this.#peers.setAddress(node.id, String(address));
    return new Promise((replied, reject) => {
      const failed = (failure: Failure) => reject(RangekeeperError.from(failure));
      this.#peers.request(node.id, body, realEnv.now() + deadlineMs, { replied, failed });
    });
  }
}
