// A whole webserver out of its parts: the view of ZooKeeper, the clients, the live picture, the pages, the HTTP server.
// It comes up with or without a cluster; what is missing shows on the page and in /readyz, and mends itself.

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

/** How long a node may take to tell of itself. */
const ASK_MS = 900;
const STATUS_MS = 1_000;

export interface WebserverOptions {
  readonly env: Env;
  readonly logger: Logger;
  /** Taken over: closed with the webserver. */
  readonly source: ViewSource;
  readonly connect: (namespace: string) => Promise<Client>;
  /** The namespace that the page opens with. */
  readonly namespace: string;
  /** `host:port`; port 0: a free one. */
  readonly listen: string;
  /** Names under which the page may be opened, beside the listen host and this machine's own. */
  readonly allowHosts: readonly string[];
  readonly uiFolder: string;
  /** How often nodes are asked about themselves, while a page is connected. Default 1,000 ms. */
  readonly statusMs?: number;
}

export interface Webserver {
  /** `host:port` actually bound. */
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
    watched: (yes) => live.watched(yes),
  });
  addGauges(metrics, () => pages.count);
  const stopFollowing = resetOnOtherCluster(source, clients);
  const app = await buildServer({
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

/** Any namespace's client can ask a node about itself; prefers the one that is in use anyway. */
function anyClient(clients: Clients, { source, namespace }: WebserverOptions): Promise<Client> {
  const names = source.view.namespaces.map(({ name }) => name);
  const [first = namespace] = names;
  return clients.get(names.includes(namespace) ? namespace : first);
}

/** Clients of a cluster that was wiped and made anew under the same root would be refused by its nodes. */
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

/** A name that no namespace has costs no ZooKeeper session. */
function expectNamespace(source: ViewSource, name: string): void {
  expectCluster(source);
  if (!source.view.namespaces.some((record) => record.name === name))
    throw new RangekeeperError('UNKNOWN_NAMESPACE', `no namespace ${name}`);
}
