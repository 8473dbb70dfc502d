// Nodes with little memory store more rows than fit into it and return them again. The processes are real and run with
// `--memory 256MB`. The test checks their own metrics and, if there is a /proc, the kernel's counters.

import { readFile } from 'node:fs/promises';
import test from 'ava';
import { nodeMemory } from '../../kvnode/process/memory.ts';
import { type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';

const MEMORY = 256_000_000;
/** Number of batches: a node holds several copies of the writes that are under way. */
const BATCHES = 600;
const ROWS = 100;
const VALUE = new Uint8Array(1_500).fill(7);

async function countersOf(node: NodeProcess): Promise<ReadonlyMap<string, number>> {
  const { address } = await node.process.logged('listening');
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name = '', value = ''] = line.split(' ');
      return [name.replace('rangekeeper_node_', ''), Number(value)] as const;
    }),
  );
}

/** The private memory of the process, without pages of files, which the kernel can take back. Null: there is no /proc. */
async function ownBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^RssAnon:\s+([0-9]+) kB$/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

test.serial('nodes of 256 MB each store and return 90 MB of rows', async (t) => {
  const cluster = await TestCluster.start(t, { nodeArgs: ['--memory', `${MEMORY}`] });
  await cluster.allInSync();
  const client = await openClient(t, cluster);
  const { parts, storage } = nodeMemory(MEMORY);
  for (let batch = 0; batch < BATCHES; batch++) {
    await Promise.all(Array.from({ length: ROWS }, (_, row) => client.put(`row/${batch}/${row}`, VALUE)));
  }
  let rows = 0;
  for await (const { value } of client.scan({ prefix: 'row/' })) {
    rows++;
    if (value.length !== VALUE.length) t.fail('a value has the wrong length');
  }
  t.is(rows, BATCHES * ROWS);

  for (const node of cluster.nodes) {
    const counters = await countersOf(node);
    const of = (name: string) => counters.get(name) ?? Number.NaN;
    t.is(of('memory_limit_bytes'), MEMORY);
    t.true(of('row_cache_bytes') + of('leaf_cache_bytes') <= storage.cacheBytes);
    t.true(of('overlay_bytes') <= parts.overlay + parts.waiting);
    t.true(of('log_bytes') <= 2 * storage.retainBytes, 'the log is short enough for its index');
    const own = await ownBytes(node.process.pid);
    if (own !== null)
      t.true(own <= MEMORY - parts.processes / 2, `${node.name} has ${own} bytes of private memory`);
  }
});
