// A profile of real processes: opened through a guardian, by the signal, with the product knowing nothing of it.

import test from 'ava';
import { BenchCluster, untilWhole } from '../../bench/bench-cluster.ts';
import { Profiler } from '../../bench/profile/profiler.ts';
import { connect } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';

const WRITES = 300;

test.serial('a node is looked into while it serves, once and again', async (t) => {
  const cluster = await BenchCluster.start(1, { replicationFactor: 1, inspectable: true });
  t.teardown(() => cluster.stop());
  const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
  t.teardown(() => client.close());
  await untilWhole(client, 1);
  const profiler = new Profiler(realEnv);
  for (const name of ['first', 'second']) {
    const profile = await profiler.profile({ name, cluster, program: null }, async () => {
      for (let i = 0; i < WRITES; i++) await client.put(`${name}-${i}`, 'x');
      return { operations: WRITES, median: null };
    });
    const [node, ...more] = profile.processes;
    t.is(more.length, 0);
    t.is(node?.name, 'n1');
    t.true((node?.owned ?? 0) > 0);
    t.is(node?.work.counters.log_entries, WRITES);
    t.true((node?.work.readBytes ?? 0) > WRITES);
    t.true((node?.cores ?? 0) > 0);
    t.true(node?.groups.some((group) => group.name.startsWith('kvnode')));
    t.true(node?.hottest.every(({ where }) => !where.endsWith('.js')));
    t.true(node?.threads.some((thread) => thread.name === 'libuv workers'));
  }
});

test.serial('a process that begins is counted from its begin', async (t) => {
  const cluster = await BenchCluster.start(1, { replicationFactor: 1, inspectable: true });
  t.teardown(() => cluster.stop());
  const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
  t.teardown(() => client.close());
  await untilWhole(client, 1);
  const { processes } = await new Profiler(realEnv).profile(
    { name: 'restart', cluster, program: null },
    () => untilWhole(client, 1).then(() => ({ operations: null, median: null })),
    async () => {
      cluster.signal('n1', 'SIGKILL');
      cluster.startNode('n1');
    },
  );
  t.deepEqual(
    processes.map(({ name }) => name),
    ['n1'],
  );
  t.true((processes[0]?.work.readBytes ?? 0) > 0);
  t.true((processes[0]?.hottest.length ?? 0) > 0);
});

test.serial('a cluster that was not started for it has no profile', async (t) => {
  const cluster = await BenchCluster.start(1, { replicationFactor: 1 });
  t.teardown(() => cluster.stop());
  const profiling = new Profiler(realEnv).profile({ name: 'x', cluster, program: null }, () =>
    t.fail('nothing is done'),
  );
  await t.throwsAsync(profiling, { message: /n1 was started without a port/ });
});
