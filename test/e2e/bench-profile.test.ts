// CPU profiles of real processes that run under a guardian. The product does not know about the profiler.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Profiler as Inspector } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BenchCluster, untilAllInSync } from '../../bench/bench-cluster.ts';
import { LoadProgram } from '../../bench/load/load-program.ts';
import { Profiler } from '../../bench/profile/profiler.ts';
import { type Client, connect } from '../../client/index.ts';

interface Setup {
  readonly profiler: Profiler;
  readonly cluster: BenchCluster;
  readonly client: Client;
}

async function start(t: ExecutionContext): Promise<Setup> {
  const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const profiler = await Profiler.open(join(directory, 'profiles'), join(directory, 'socket'));
  t.teardown(() => profiler.close());
  const cluster = await BenchCluster.start('profiled', 1, { replicationFactor: 1, profiler });
  t.teardown(() => cluster.stop());
  const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
  t.teardown(() => client.close());
  await untilAllInSync(client, 1);
  return { profiler, cluster, client };
}

/** The scripts of the product that appear in a profile. */
function scriptsIn(file: string): readonly string[] {
  const profile: Inspector.Profile = JSON.parse(readFileSync(file, 'utf8'));
  const ran = new Set(profile.samples);
  const urls = profile.nodes.filter(({ id }) => ran.has(id)).map(({ callFrame }) => callFrame.url);
  return urls.flatMap((url) => /\/dist\/(.+)$/.exec(url)?.[1] ?? []);
}

test.serial('a node and a load program are profiled while they work, more than once', async (t) => {
  const { profiler, cluster, client } = await start(t);
  const program = new LoadProgram(profiler.environment('load'));
  t.teardown(() => program.stop());
  // The profiler knows the process only when it has answered.
  await program.call('serveEcho', 100);
  for (const round of ['first', 'second']) {
    const folder = await profiler.profile(`PUT, ${round}`, [...cluster.pids, ...program.pids], async () => {
      const puts = Array.from({ length: 2_000 }, (_, i) => client.put(`${round}-${i}`, 'x'));
      await Promise.all([...puts, program.call('serveEcho', 100)]);
    });
    t.is(folder, join(profiler.folder, `put-${round}`));
    t.deepEqual(readdirSync(folder).sort(), ['load.cpuprofile', 'n1.cpuprofile']);
    t.true(scriptsIn(join(folder, 'n1.cpuprofile')).some((script) => script.startsWith('kvnode/')));
  }
});

test.serial(
  'a process that starts meanwhile is profiled from its start, and one that ends leaves no profile',
  async (t) => {
    const { profiler, cluster, client } = await start(t);
    const folder = await profiler.profile('restart', cluster.pids, async () => {
      cluster.signal('n1', 'SIGKILL');
      cluster.startNode('n1');
      await untilAllInSync(client, 1);
      await client.put('a', 'x');
    });
    t.deepEqual(readdirSync(folder), ['n1.cpuprofile']);
    const scripts = scriptsIn(join(folder, 'n1.cpuprofile'));
    t.true(
      scripts.some((script) => script.startsWith('kvnode/storage/')),
      scripts.join(' '),
    );
  },
);

test.serial('a process that cannot be profiled is left out', async (t) => {
  const { profiler } = await start(t);
  t.deepEqual(readdirSync(await profiler.profile('nothing', [process.pid], async () => {})), []);
});
