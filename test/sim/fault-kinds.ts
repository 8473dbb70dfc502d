// The kinds of faults, one entry each: what it does to which process, and how it is undone. A kind returns null if it cannot
// strike now, or if it would break what the cluster assumes (R12: an acknowledged write survives m - 1 lost disks, no more).

import { toBytes } from '../../common/base/bytes.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import { contains } from '../../common/model/key-range.ts';
import { DISK_DAMAGE } from './disk-damage.ts';
import { type FaultKind, LONG, NOTHING, SHORT } from './fault-kind.ts';
import {
  down,
  type Fault,
  isOlder,
  mayLose,
  mode,
  ofNode,
  ofServer,
  pause,
  restart,
} from './fault-targets.ts';
import { NETWORK_FAULTS } from './network-faults.ts';
import { TASK_FAULTS } from './task-faults.ts';
import { restoreZooKeeper } from './zookeeper-restored.ts';

/** A node has stepped this long after the decision, ms. */
const STEP_MS = 12;

export const FAULT_KINDS: readonly FaultKind[] = [
  { name: 'node-killed', lastsMs: LONG, strike: ofNode((node) => down(node, 'process')) },
  { name: 'node-and-guardian-killed', lastsMs: LONG, strike: ofNode((node) => down(node, 'container')) },
  {
    name: 'guardian-killed',
    lastsMs: [1],
    strike: ofNode((node) => {
      node.loseGuardian();
      return { text: node.host.name, undo: NOTHING };
    }),
  },
  {
    name: 'guardian-late',
    lastsMs: LONG,
    strike: ofNode((node) => {
      const { process } = node.guardian.host;
      process.pause();
      node.kill('process');
      node.down = true;
      return {
        text: node.host.name,
        undo: () => {
          node.down = false;
          process.resume();
        },
      };
    }),
  },
  { name: 'node-power-cut', lastsMs: LONG, strike: ofNode((node) => down(node, 'power')) },
  {
    name: 'all-nodes-power-cut',
    lastsMs: SHORT,
    strike: ({ nodes }) => {
      const faults = nodes.filter(({ busy }) => busy).map((node) => down(node, 'power'));
      return {
        text: 'all',
        undo: () => {
          for (const { undo } of faults) undo();
        },
      };
    },
  },
  {
    // A split is asked for, and a node dies about when it takes the children into the place of their parent (S6).
    name: 'node-killed-at-replacement',
    lastsMs: LONG,
    strike: (cluster, dice) => {
      const { world, nodes, operator, keys, onReplaced } = cluster;
      const ms = dice.between(0, STEP_MS);
      const kind = dice.rng.pick(['process', 'power'] as const);
      let fault: Fault | null = null;
      const listener = ({ replicas }: Descriptor): void => {
        onReplaced.delete(listener);
        const victim = dice.rng.pick(
          nodes.filter(({ nodeId }) => replicas.some(({ node }) => node === nodeId)),
        );
        world.clock.after(ms, () => {
          if (victim !== undefined && victim.node !== null && !isOver) fault = down(victim, kind);
        });
      };
      let isOver = false;
      onReplaced.add(listener);
      const key = dice.rng.pick(keys);
      operator.ask({ kind: 'split', namespace: 'default', keys: [key] });
      return {
        text: `the next one, perhaps at ${key}`,
        undo: () => {
          isOver = true;
          onReplaced.delete(listener);
          fault?.undo();
        },
      };
    },
  },
  {
    name: 'node-stopped',
    lastsMs: [1],
    strike: ofNode((node) => {
      node.stop();
      return { text: node.host.name, undo: NOTHING };
    }),
  },
  { name: 'node-paused', lastsMs: LONG, strike: ofNode(({ host }) => pause(host)) },
  {
    name: 'coordinator-killed',
    lastsMs: LONG,
    strike: ({ coordinators }, dice) => restart(dice.rng.pick(coordinators), dice),
  },
  {
    name: 'leader-paused',
    lastsMs: LONG,
    strike: ({ coordinators }) => {
      const leader = coordinators.find(({ leads }) => leads);
      return leader === undefined ? null : pause(leader.host);
    },
  },
  {
    name: 'client-killed',
    lastsMs: SHORT,
    strike: ({ clients }, dice) => restart(dice.rng.pick(clients), dice),
  },
  {
    name: 'client-paused',
    lastsMs: LONG,
    strike: ({ clients }, { rng }) => pause(rng.pick(clients).host),
  },
  ...NETWORK_FAULTS,
  {
    name: 'zk-server-stopped',
    lastsMs: LONG,
    strike: ofServer((server, { ensemble }) => {
      ensemble.stop(server);
      return () => ensemble.rejoin(server);
    }),
  },
  {
    name: 'zk-server-cut-off',
    lastsMs: LONG,
    strike: ofServer((server, { ensemble }) => {
      ensemble.isolate(server);
      return () => ensemble.rejoin(server);
    }),
  },
  {
    name: 'zk-election',
    lastsMs: [1],
    strike: ({ ensemble }, dice) => {
      ensemble.elect(dice.between(100, 1_500));
      return { text: `${ensemble.leader.host.name} leads`, undo: NOTHING };
    },
  },
  {
    name: 'zk-away',
    lastsMs: LONG,
    strike: ({ ensemble }) => {
      if (!ensemble.hasLeader) return null;
      for (const server of ensemble.servers) ensemble.stop(server);
      return {
        text: 'all servers',
        undo: () => {
          for (const server of ensemble.servers) ensemble.rejoin(server);
        },
      };
    },
  },
  {
    // This is what happens when the disks of ZooKeeper are lost and an administrator later finds a copy of them.
    name: 'zk-emptied',
    lastsMs: LONG,
    strike: ({ ensemble, nodes }) => {
      // A node that joins for the first time meanwhile would belong to the other cluster for ever.
      if (
        ensemble.isEmptied ||
        nodes.some(({ damaged, nodeId, joinedAs }) => damaged !== null || joinedAs !== nodeId)
      )
        return null;
      ensemble.empty();
      return { text: 'all servers', undo: () => ensemble.undoEmpty() };
    },
  },
  {
    // A backup of ZooKeeper's data is made and restored some time later. An administrator then restarts every process.
    name: 'zk-restored',
    lastsMs: [3_000, 9_000, 20_000],
    strike: (cluster, { rng }) => {
      const { ensemble } = cluster;
      if (ensemble.isEmptied) return null;
      const backup = { zk: ensemble.copy(), ranges: new Map(cluster.ranges) };
      const waits = rng.pick([false, true]);
      return { text: 'a backup is made', undo: () => restoreZooKeeper(cluster, backup, waits) };
    },
  },
  {
    name: 'zk-reads-stale',
    lastsMs: LONG,
    strike: ofServer((server, _, { rng }) => {
      server.lagMs = rng.pick([100, 500, 900]);
      return () => {
        server.lagMs = 2;
      };
    }),
  },
  {
    name: 'zk-answers-lost',
    lastsMs: LONG,
    strike: ({ ensemble }) => {
      for (const server of ensemble.servers) server.answerLoss = 0.15;
      return {
        text: 'at all servers',
        undo: () => {
          for (const server of ensemble.servers) server.answerLoss = 0;
        },
      };
    },
  },
  {
    // The leader's disk is slow. A client whose connection breaks meanwhile finds no trace of its write, and it takes effect later.
    name: 'zk-commits-late',
    lastsMs: LONG,
    strike: ({ ensemble }) => {
      ensemble.commitMs = 150;
      for (const server of ensemble.servers) server.answerLoss = 0.1;
      return {
        text: 'and answers are lost',
        undo: () => {
          ensemble.commitMs = 0;
          for (const server of ensemble.servers) server.answerLoss = 0;
        },
      };
    },
  },
  {
    name: 'zk-watches-lost',
    lastsMs: LONG,
    strike: ({ ensemble }) => {
      for (const server of ensemble.servers) server.watchLoss = 0.5;
      return {
        text: 'at all servers',
        undo: () => {
          for (const server of ensemble.servers) server.watchLoss = 0;
        },
      };
    },
  },
  {
    name: 'disk-stalls',
    lastsMs: [1],
    strike: ofNode(({ host, disk }, { world }, { rng }) => {
      const ms = rng.pick([200, 1_000, 4_000, 8_000]);
      disk.stalledUntil = world.clock.now + ms;
      return { text: `${host.name} for ${ms} ms`, undo: NOTHING };
    }),
  },
  {
    name: 'disk-slow',
    lastsMs: LONG,
    strike: ofNode(({ host, disk }, _, { rng }) => {
      const ms = rng.pick([30, 300, 1_200]);
      disk.slowMs = ms;
      return {
        text: `${host.name} by ${ms} ms`,
        undo: () => {
          disk.slowMs = 0;
        },
      };
    }),
  },
  {
    name: 'disk-sync-fails',
    lastsMs: [1],
    strike: ofNode(({ host, disk }) => {
      disk.failing = true;
      return { text: host.name, undo: NOTHING };
    }),
  },
  {
    name: 'disk-full',
    lastsMs: SHORT,
    strike: ofNode(({ host, disk }) => {
      disk.full = true;
      return {
        text: host.name,
        undo: () => {
          disk.full = false;
        },
      };
    }),
  },
  {
    name: 'messages-doubled',
    lastsMs: LONG,
    strike: ({ world: { network } }) => {
      network.doubling = 0.05;
      return {
        text: 'between all nodes',
        undo: () => {
          network.doubling = 0;
        },
      };
    },
  },
  {
    name: 'transfer-asked',
    lastsMs: [1],
    strike: ({ descriptors, admin }, { rng }) => {
      const { id, inSync } = rng.pick(descriptors);
      const to = rng.pick(inSync);
      admin.ask({ kind: 'transfer', range: id, to });
      return { text: `range ${id} to ${to}`, undo: NOTHING };
    },
  },
  {
    name: 'two-leaders',
    lastsMs: [1],
    strike: ({ admin, coordinators }) => {
      const leader = coordinators.find(({ leads }) => leads);
      if (leader === undefined) return null;
      admin.ask({ kind: 'depose-leader' });
      return { text: leader.host.name, undo: NOTHING };
    },
  },
  {
    name: 'forget-asked',
    lastsMs: [1],
    strike: ({ admin, everyNodeId }, { rng }) => {
      const node = rng.pick(everyNodeId);
      admin.ask({ kind: 'forget-node', node });
      return { text: node, undo: NOTHING };
    },
  },
  { name: 'drain-asked', lastsMs: LONG, strike: mode('draining') },
  { name: 'leave-asked', lastsMs: LONG, strike: mode('gone') },
  ...TASK_FAULTS,
  ...DISK_DAMAGE,
  {
    // Puts a row with a valid checksum on one replica. No other replica has it.
    name: 'row-changed',
    lastsMs: SHORT,
    strike: ofNode((node, cluster, { rng }) => {
      const { nodes, descriptors, ensemble, keys, world } = cluster;
      // If two replicas had such a row, the majority would confirm it.
      if (ensemble.isEmptied || nodes.some(({ hasPlanted }) => hasPlanted) || !mayLose(cluster, node))
        return null;
      const key = rng.pick(keys);
      const range = descriptors.find(
        (descriptor) => descriptor.namespace === 'default' && contains(descriptor, toBytes(key)),
      );
      if (range === undefined || range.inSync.length < 3 || !range.inSync.includes(node.nodeId ?? ''))
        return null;
      const fault = down(node, 'process');
      // The key is next to one of the clients' keys, not one of them: otherwise they would read it.
      const row = { key: toBytes(`${key}!`), value: toBytes('planted'), revision: 1 };
      node.disk.plantRow(range.namespaceId, row);
      node.plantedAs = node.nodeId;
      node.damaged = 'latent';
      cluster.plantedRows++;
      world.story.record(node.host.name, `has ${key}! in range ${range.id}`, true);
      return fault;
    }),
  },
  {
    // A snapshot of the node's volume is made and restored some time later.
    name: 'directory-rolled-back',
    lastsMs: [9_000, 20_000, 40_000],
    strike: ofNode((node, cluster) => {
      const id = node.nodeId;
      if (id === null || node.damaged !== null) return null;
      const copy = node.disk.copy();
      return {
        text: node.host.name,
        undo: () => {
          if (cluster.ensemble.isEmptied || !isOlder(cluster, id, copy) || !mayLose(cluster, node)) return;
          node.rollBackTo(copy, id);
          cluster.world.story.count('directory-rolled-back');
        },
      };
    }),
  },
];
