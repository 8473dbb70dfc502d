// The wires of a cluster in a test's hands: before each node a proxy at the address that it advertises, so that nodes and
// clients reach it through that only, and for each node proxies of its own to the ZooKeeper servers. Who calls a node is
// read from the handshake, so that the wire between two nodes can go silent while all others work.

import type { ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { type Direction, startProxy, type TcpProxy } from './tcp-proxy.ts';
import type { NodeProcess } from './test-cluster.ts';

const BOTH: readonly Direction[] = ['to-server', 'to-client'];

const CLIENT = '';
const NODE_ID = /n-[0-9a-f]{16}/;

interface NodeWires {
  /** What others send to the node's address, and what it answers there. */
  readonly inward: TcpProxy;
  readonly zk: readonly TcpProxy[];
}

export class Wires {
  readonly #t: ExecutionContext;
  readonly #zkPorts: readonly number[];
  readonly #root: string;
  readonly #nodes = new Map<string, NodeWires>();

  /** Milliseconds that everything takes each way; set it before the processes are started. */
  delayMs = 0;

  /** @param connect to ZooKeeper itself, with a root */
  constructor(t: ExecutionContext, connect: string) {
    const [servers = '', root = ''] = connect.split('/');
    this.#t = t;
    this.#zkPorts = servers.split(',').map((server) => Number(server.split(':')[1]));
    this.#root = `/${root}`;
  }

  /** For a node or a coordinator: all that it is to be started with to hang on these wires alone. */
  async flags(name: string): Promise<readonly string[]> {
    const [port = 0] = await freePorts(realEnv, '127.0.0.1', 1);
    const inward = await startProxy(this.#t, port);
    inward.callerOf = callerInHandshake;
    const zk = await Promise.all(this.#zkPorts.map((server) => startProxy(this.#t, server)));
    for (const proxy of [inward, ...zk]) proxy.delayMs = this.delayMs;
    this.#nodes.set(name, { inward, zk });
    const connect = zk.map(({ address }) => address).join(',') + this.#root;
    return ['--listen', `127.0.0.1:${port}`, '--advertise', inward.address, '--zk', connect];
  }

  /** The proxy before this node. */
  into(node: NodeProcess): TcpProxy {
    return this.#of(node).inward;
  }

  /** Silence between this process and ZooKeeper: nobody hears of a close. */
  cutFromZooKeeper(one: { readonly name: string }, ...directions: Direction[]): void {
    for (const proxy of this.#of(one).zk) proxy.hold(...(directions.length === 0 ? BOTH : directions));
  }

  /** Silence between two nodes, both ways; clients still reach both. */
  cutBetween(one: NodeProcess, other: NodeProcess): void {
    this.into(one).holdCaller(other.id, ...BOTH);
    this.into(other).holdCaller(one.id, ...BOTH);
  }

  /** Silence between this node and all clients. */
  cutFromClients(node: NodeProcess): void {
    this.into(node).holdCaller(CLIENT, ...BOTH);
  }

  /** What `from` sends does not reach `to`; the other way works. */
  cutOneWay(from: NodeProcess, to: NodeProcess): void {
    this.into(to).holdCaller(from.id, 'to-server');
    this.into(from).holdCaller(to.id, 'to-client');
  }

  /** Silence between this node and everybody, clients and ZooKeeper included. */
  isolate(node: NodeProcess, others: readonly NodeProcess[]): void {
    this.into(node).hold(...BOTH);
    for (const other of others) if (other !== node) this.into(other).holdCaller(node.id, ...BOTH);
    this.cutFromZooKeeper(node);
  }

  /** Every connection breaks, and both ends learn of it. */
  reset(): void {
    for (const { inward, zk } of this.#nodes.values()) for (const proxy of [inward, ...zk]) proxy.cut();
  }

  /** All wires work again; what was held is delivered, as late as that is. */
  heal(): void {
    for (const { inward, zk } of this.#nodes.values()) for (const proxy of [inward, ...zk]) proxy.release();
  }

  #of({ name }: { readonly name: string }): NodeWires {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`no wires of ${name}`);
    return found;
  }
}

/** The id in the first frame, after the request to upgrade; empty for a client. Frames of this protocol are not masked. */
function callerInHandshake(chunk: Buffer): NodeId | undefined {
  if (chunk.includes('HTTP/1.1\r\n')) return undefined;
  return NODE_ID.exec(chunk.toString('latin1'))?.[0] ?? CLIENT;
}
