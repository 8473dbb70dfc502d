// A node that was down has thousands of entries to apply. It applies them over many turns, so that acknowledgements and other work
// do not wait.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../common/model/config.ts';
import type { Action } from '../../sim/history.ts';
import { drawSettings } from '../../sim/settings.ts';
import { Cluster } from '../../sim/sim-cluster.ts';
import { World } from '../../sim/world/world.ts';

const WRITES = 6_000;
const AT_ONCE = 250;
/** An entry counts as 256 bytes besides its own, and a turn may apply 256 KiB. */
const ENTRIES_PER_TURN_MAX = 1_024;

test('a follower applies a bounded part of its backlog in a turn, and all of it in the end', async (t) => {
  const world = new World(3);
  const cluster = new Cluster(world, {
    ...drawSettings(world),
    ...{ nodes: 3, clients: 1, callsPerClient: 1, idleRanges: 0, limits: {}, channel: {} },
    ...{ replication: DEFAULT_REPLICATION, replaceAfterMs: 3_600_000, balanceAfterMs: 3_600_000 },
  });
  const [key = ''] = cluster.keys;
  const turns = new Map<number, number>();
  const watch = cluster.applied.watch.bind(cluster.applied);
  cluster.applied.watch = (by, storage) => {
    const watched = watch(by, storage);
    if (by !== 'node-1') return watched;
    return new Proxy(watched, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'apply') turns.set(world.clock.events, (turns.get(world.clock.events) ?? 0) + 1);
        return value;
      },
    });
  };
  cluster.working = false;
  cluster.start();
  const until = async (holds: () => boolean): Promise<void> => {
    const end = world.clock.now + 60_000;
    await world.clock.run(() => holds() || world.clock.now >= end);
    t.true(holds());
  };
  const inSync = (members: number) => (): boolean =>
    cluster.descriptors.length > 0 && cluster.descriptors.every((one) => one.inSync.length === members);
  await until(inSync(3));
  const [node] = cluster.nodes;
  node?.kill('process');
  await until(inSync(2));
  await until(() => cluster.anyClient.ask({ kind: 'read', key, mode: 'stale' }) !== null);
  for (let written = 0; written < WRITES; written += AT_ONCE) {
    let answered = 0;
    for (let n = 0; n < AT_ONCE; n++) {
      const mutations = [{ kind: 'put', key, value: `${written + n}`, ifRevision: null }] as const;
      const request: Action = { kind: 'write', mutations };
      void cluster.anyClient.ask(request)?.then(() => answered++);
    }
    await until(() => answered === AT_ONCE);
  }
  turns.clear();
  node?.start();
  const caughtUp = (): boolean =>
    (node?.node?.status().replicas ?? []).some(({ appliedSeq }) => appliedSeq >= WRITES);
  await until(() => inSync(3)() && caughtUp());
  const most = Math.max(...turns.values());
  t.true(most <= ENTRIES_PER_TURN_MAX, `${most} entries in one turn`);
  t.true([...turns.values()].reduce((sum, count) => sum + count, 0) >= WRITES);
  t.deepEqual(world.violations, []);
});
