// Faults of the network: cut directions, delays, low bandwidth, broken connections, and addresses at which nobody listens.

import { type FaultKind, LONG, NOTHING } from './fault-kind.ts';
import { communicatingPair, cut, ofNode, ofZooKeeperClient, partition, pause } from './fault-targets.ts';

/** Long enough for an unreachable node to be replaced (replaceAfterMs) before the cut ends. */
const UNTIL_REPLACED = [20_000, 60_000];
/**
 * Long enough for owners that commit nothing to hand over several times. Not longer, because the linearizability checker needs
 * too many steps when there are too many writes of unknown outcome.
 */
const VERY_LONG = [6_000, 12_000, 16_000];

function bothWays(name: string, others: readonly string[]): readonly (readonly [string, string])[] {
  return others.flatMap((other): readonly (readonly [string, string])[] => [
    [name, other],
    [other, name],
  ]);
}

export const NETWORK_FAULTS: readonly FaultKind[] = [
  {
    name: 'cut-one-way',
    lastsMs: LONG,
    strike: (cluster, dice) => {
      const [a, b] = communicatingPair(cluster, dice);
      const pair = dice.chance(0.5) ? ([a, b] as const) : ([b, a] as const);
      return { text: pair.join(' to '), undo: cut(cluster, [pair]) };
    },
  },
  {
    name: 'cut-both-ways',
    lastsMs: LONG,
    strike: (cluster, dice) => {
      const [a, b] = communicatingPair(cluster, dice);
      return {
        text: `${a} and ${b}`,
        undo: cut(cluster, [
          [a, b],
          [b, a],
        ]),
      };
    },
  },
  {
    name: 'node-cut-off',
    lastsMs: LONG,
    strike: ofNode(({ host }, cluster, { rng }) => {
      const { nodes, clients, ensemble } = cluster;
      const from = rng.pick([
        nodes,
        ensemble.servers,
        [...ensemble.servers, rng.pick(nodes)],
        [...nodes, ...ensemble.servers, ...clients],
      ]);
      const names = from.map((one) => one.host.name).filter((name) => name !== host.name);
      return { text: `${host.name} from ${names.join(' ')}`, undo: cut(cluster, bothWays(host.name, names)) };
    }),
  },
  {
    // Each node still reaches ZooKeeper and the clients, so only the reports of nodes show the cut.
    name: 'node-out-of-reach',
    lastsMs: UNTIL_REPLACED,
    strike: ofNode(({ host }, cluster, dice) => {
      const others = cluster.nodes.map((other) => other.host.name).filter((name) => name !== host.name);
      const from = dice.chance(0.7) ? others : [dice.rng.pick(others)];
      const oneWay = dice.chance(0.3);
      const pairs = from.flatMap((name): (readonly [string, string])[] =>
        oneWay
          ? [[name, host.name]]
          : [
              [host.name, name],
              [name, host.name],
            ],
      );
      return {
        text: `${host.name} from ${from.join(' ')}${oneWay ? ', one way' : ''}`,
        undo: cut(cluster, pairs),
      };
    }),
  },
  {
    // An administrator starts a node with an address at which nobody reaches it. The next start has the right address.
    name: 'address-wrong',
    lastsMs: UNTIL_REPLACED,
    strike: ofNode((node) => {
      // FaultPlan starts it again after a while, because no fault keeps it down.
      node.wrongAddress = true;
      node.kill('process');
      return {
        text: node.host.name,
        undo: () => {
          node.wrongAddress = false;
          if (node.busy) node.kill('process');
        },
      };
    }),
  },
  {
    // A machine hangs and comes back before its network does. It believes that it is the owner until it gives up its session. It
    // learns of the next owner from the one node that it still reaches. It hangs for about the session timeout T: after a much
    // longer time that node has given up the connection, and makes no new one to a node without a live znode.
    name: 'node-wakes-cut-off',
    lastsMs: [6_000],
    strike: ofNode(({ host }, cluster, dice) => {
      const { nodes, ensemble, world, settings } = cluster;
      const paused = pause(host);
      if (paused === null) return null;
      const others = nodes.filter((one) => one.host !== host);
      const reached = dice.rng.pick(others);
      const away = [...others.filter((one) => one !== reached), ...ensemble.servers];
      const names = away.map((one) => one.host.name);
      const repair = cut(cluster, bothWays(host.name, names));
      world.clock.after(settings.session.sessionMs * dice.between(0.65, 1.05), paused.undo);
      return {
        text: `${host.name} from ${names.join(' ')}`,
        undo: () => {
          paused.undo();
          repair();
        },
      };
    }),
  },
  {
    // Its requests arrive, but it receives no answers.
    name: 'zk-answers-cut',
    lastsMs: LONG,
    strike: ofZooKeeperClient((name, server) => [server, name]),
  },
  {
    name: 'zk-requests-cut',
    lastsMs: LONG,
    strike: ofZooKeeperClient((name, server) => [name, server]),
  },
  {
    name: 'two-nodes-apart',
    lastsMs: VERY_LONG,
    strike: ofNode(({ host }, cluster, { rng }) => {
      const others = cluster.nodes.filter((other) => other.host !== host);
      return partition(cluster, [host.name, rng.pick(others).host.name]);
    }),
  },
  {
    name: 'all-nodes-apart',
    lastsMs: VERY_LONG,
    strike: (cluster) =>
      partition(
        cluster,
        cluster.nodes.map(({ host }) => host.name),
      ),
  },
  {
    name: 'connections-broken',
    lastsMs: [1],
    strike: (cluster, dice) => {
      const [a, b] = communicatingPair(cluster, dice);
      const broken = cluster.world.network.breakBetween(a, b);
      return broken === 0 ? null : { text: `${a} and ${b}`, undo: NOTHING };
    },
  },
  {
    name: 'network-slow',
    lastsMs: LONG,
    strike: (cluster, dice) => {
      const { network } = cluster.world;
      const [a, b] = communicatingPair(cluster, dice);
      const ms = dice.rng.pick([20, 150, 600]);
      network.slow(a, b, ms);
      return { text: `${a} to ${b} by ${ms} ms`, undo: () => network.slow(a, b, 0) };
    },
  },
  {
    name: 'network-narrow',
    lastsMs: LONG,
    strike: (cluster, dice) => {
      const { network } = cluster.world;
      const [a, b] = communicatingPair(cluster, dice);
      const bytesPerMs = dice.rng.pick([1, 4, 12]);
      network.limitBandwidth(a, b, bytesPerMs);
      return {
        text: `${a} to ${b}, ${bytesPerMs} bytes a ms`,
        undo: () => network.limitBandwidth(a, b, null),
      };
    },
  },
  {
    name: 'node-narrow',
    lastsMs: LONG,
    strike: ofNode(({ host }, { nodes, world: { network } }, { rng }) => {
      const others = nodes.map((other) => other.host.name).filter((name) => name !== host.name);
      const bytesPerMs = rng.pick([2, 5, 12]);
      for (const name of others) network.limitBandwidth(name, host.name, bytesPerMs);
      return {
        text: `all others to ${host.name}, ${bytesPerMs} bytes a ms`,
        undo: () => {
          for (const name of others) network.limitBandwidth(name, host.name, null);
        },
      };
    }),
  },
];
