// Assembles a webserver from its parts: the view of ZooKeeper, the clients, the state of the feed, the pages, and the HTTP
// server. It starts with or without a cluster. The page and /readyz show what is missing, and it recovers by itself.

import type { Client } from '../client/api.ts';
import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import { parseAddress } from '../common/model/address.ts';
import type { NodeStatus } from '../common/model/status.ts';
import { Metrics } from '../common/net/metrics.ts';
import { Clients } from './clients.ts';
import type { ViewSource } from './cluster-view.ts';
import { addGauges, makeCounters } from './counters.ts';
import { Guard } from './guard.ts';
import { Live } from './live.ts';
import { Pages } from './pages.ts';
import { addressOf, buildServer } from './server.ts';

/** How long a node may take to report its status. */
const ASK_MS = 900;
const STATUS_MS = 1_000;

export interface WebserverOptions {
  readonly env: Env;
  readonly logger: Logger;
  /** Closed with the webserver. */
  readonly source: ViewSource;
  readonly connect: (namespace: string) => Promise<Client>;
  /** The namespace that the page opens with. */
  readonly namespace: string;
  /** `host:port`. Port 0: any free port. */
  readonly listen: string;
  /** Names under which the page may be opened, besides the listen host and this machine's own names. */
  readonly allowHosts: readonly string[];
  readonly uiFolder: string;
  /** How often nodes are asked for their status while a page is connected. Default 1,000 ms. */
  readonly statusMs?: number;
}

export interface Webserver {
  /** The `host:port` on which it listens. */
  readonly address: string;
  close(): Promise<void>;
}

export async function startWebserver(options: WebserverOptions): Promise<Webserver> {
  const { env, logger, source, namespace } = options;
  const { host, port } = parseAddress(options.listen);
  const metrics = new Metrics();
  const counters = makeCounters(metrics);
  const clients = new Clients(options.connect, logger);
  const live: Live = new Live({
    env,
    logger,
    source,
    namespace,
    ask: async (node): Promise<NodeStatus> =>
      (await anyClient(clients, options)).nodeStatus(node, { deadlineMs: ASK_MS }),
    statusMs: options.statusMs ?? STATUS_MS,
    publish: (change) => pages.publish(change),
  });
  const pages: Pages = new Pages({
    env,
    logger,
    counters,
    state: () => live.state,
    setWatched: (watched) => live.setWatched(watched),
  });
  addGauges(metrics, () => pages.count);
  const stopFollowing = resetOnOtherCluster(source, clients);
  const app = await buildServer({
    env,
    uiFolder: options.uiFolder,
    guard: new Guard([host, ...options.allowHosts]),
    logger,
    metrics,
    counters,
    unready: () => unready(source),
    upgrade: (request, socket, head) => pages.upgrade(request, socket, head),
    namespaces: async () => {
      expectCluster(source);
      return source.view.namespaces;
    },
    client: async (name) => {
      expectNamespace(source, name);
      return clients.get(name);
    },
  });
  const close = async (): Promise<void> => {
    stopFollowing();
    live.close();
    pages.close();
    await app.close();
    await Promise.all([clients.close(), source.close()]);
  };
  try {
    await app.listen({ host, port });
  } catch (error) {
    await close();
    throw error;
  }
  return { address: addressOf(app), close };
}

/**
 * A client of any namespace, to ask nodes for their status. Prefers the namespace that the page opens with, whose client is in
 * use.
 */
function anyClient(clients: Clients, { source, namespace }: WebserverOptions): Promise<Client> {
  const names = source.view.namespaces.map(({ name }) => name);
  const [first = namespace] = names;
  return clients.get(names.includes(namespace) ? namespace : first);
}

/** Closes the clients if another cluster has replaced this one under the same root: its nodes would refuse them. */
function resetOnOtherCluster(source: ViewSource, clients: Clients): () => void {
  let known = source.view.cluster?.clusterId;
  return source.onChange(() => {
    const present = source.view.cluster?.clusterId;
    if (present === undefined || present === known) return;
    if (known !== undefined) void clients.reset();
    known = present;
  });
}

function unready({ view }: ViewSource): string | null {
  if (!view.zookeeper) return 'ZooKeeper does not answer';
  return view.cluster === null ? 'there is no cluster under this root yet' : null;
}

function expectCluster(source: ViewSource): void {
  if (source.view.cluster === null)
    throw new RangekeeperError('NO_CLUSTER', unready(source) ?? 'there is no cluster');
}

/** Rejects an unknown name before a client is made, so that it costs no ZooKeeper session. */
function expectNamespace(source: ViewSource, name: string): void {
  expectCluster(source);
  if (!source.view.namespaces.some((record) => record.name === name))
    throw new RangekeeperError('UNKNOWN_NAMESPACE', `no namespace ${name}`);
}
