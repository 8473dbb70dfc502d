// Proxies for the network of a cluster. Each process has a proxy at the address that it advertises, so others reach it only through
// that, and proxies of its own to the ZooKeeper servers. The proxy reads the caller from the handshake, so a test can cut two nodes
// off from each other while all other connections work.

import type { ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { type Direction, startProxy, type TcpProxy } from './tcp-proxy.ts';
import type { NodeProcess } from './test-cluster.ts';

const BOTH: readonly Direction[] = ['to-server', 'to-client'];

const CLIENT = '';
const NODE_ID = /n-[0-9a-f]{16}/;

interface ProcessProxies {
  /** The proxy for requests to the process. */
  readonly inward: TcpProxy;
  readonly zk: readonly TcpProxy[];
}

export class NetworkProxies {
  readonly #t: ExecutionContext;
  readonly #zkPorts: readonly number[];
  readonly #root: string;
  readonly #nodes = new Map<string, ProcessProxies>();

  /** Delay in each direction, ms; set it before the processes are started. */
  delayMs = 0;

  /** @param connect connect string of the real ZooKeeper, with a root */
  constructor(t: ExecutionContext, connect: string) {
    const [servers = '', root = ''] = connect.split('/');
    this.#t = t;
    this.#zkPorts = servers.split(',').map((server) => Number(server.split(':')[1]));
    this.#root = `/${root}`;
  }

  /** Starts the proxies of a node or a coordinator, and returns the flags with which it uses only these. */
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

  /** Holds all data between this process and ZooKeeper; neither side learns of a close. */
  cutFromZooKeeper(one: { readonly name: string }, ...directions: Direction[]): void {
    for (const proxy of this.#of(one).zk) proxy.hold(...(directions.length === 0 ? BOTH : directions));
  }

  /** Holds all data between two nodes; clients still reach both. */
  cutBetween(one: NodeProcess, other: NodeProcess): void {
    this.into(one).holdCaller(other.id, ...BOTH);
    this.into(other).holdCaller(one.id, ...BOTH);
  }

  /** Holds all data between this node and the clients. */
  cutFromClients(node: NodeProcess): void {
    this.into(node).holdCaller(CLIENT, ...BOTH);
  }

  /** Holds what `from` sends to `to`; the other direction works. */
  cutOneWay(from: NodeProcess, to: NodeProcess): void {
    this.into(to).holdCaller(from.id, 'to-server');
    this.into(from).holdCaller(to.id, 'to-client');
  }

  /** Holds all data between this node and all others, including clients and ZooKeeper. */
  isolate(node: NodeProcess, others: readonly NodeProcess[]): void {
    this.into(node).hold(...BOTH);
    for (const other of others) if (other !== node) this.into(other).holdCaller(node.id, ...BOTH);
    this.cutFromZooKeeper(node);
  }

  /** Closes every connection; both ends learn of it. */
  reset(): void {
    for (const { inward, zk } of this.#nodes.values()) for (const proxy of [inward, ...zk]) proxy.cut();
  }

  /** Ends all faults and delivers all held data, however old they are. */
  heal(): void {
    for (const { inward, zk } of this.#nodes.values()) for (const proxy of [inward, ...zk]) proxy.release();
  }

  #of({ name }: { readonly name: string }): ProcessProxies {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`no proxies of ${name}`);
    return found;
  }
}

/** The id in the first frame after the upgrade request; empty for a client. Frames of this protocol are not masked. */
function callerInHandshake(chunk: Buffer): NodeId | undefined {
  if (chunk.includes('HTTP/1.1\r\n')) return undefined;
  return NODE_ID.exec(chunk.toString('latin1'))?.[0] ?? CLIENT;
}
