// `npm run bench -- many-ranges`: what a thousand ranges on five nodes cost when much happens at once: a cold start, the failure of a
// node, and a drain. Every range has one caller, and counts as ready once a put in it has succeeded.

import { type Client, connect } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { BenchCluster, nameOf, untilInSync } from '../bench-cluster.ts';
import { keyOf } from '../load/keys.ts';
import { spreadOf } from '../stats/summary.ts';
import { textOf } from './experiment.ts';

const NODES = 5;
/** A namespace can be created with at most 256 ranges. */
const NAMESPACES = ['many0', 'many1', 'many2', 'many3'];
const RANGES_EACH = 250;
const KEYS_EACH = 5_000;
const PREFIX = 'user';
const DEADLINE_MS = 120_000;
/** The cluster is left alone for so long before each fault. */
const REST_MS = 3_000;

export interface ManyRangesReport {
  readonly runs: readonly TimedRun[];
  /** Rows that scans and counts over all ranges did not find, or found twice. */
  readonly wrongRows: number;
}

interface TimedRun {
  readonly what: string;
  /** The time until each range took a write, or of the whole, ms. */
  readonly times: readonly number[];
  readonly goalMs: number;
}

interface World {
  readonly cluster: BenchCluster;
  readonly clients: readonly Client[];
}

/** Rejects when `stopped` rejects, after everything is stopped and removed. */
export async function runManyRanges(
  rounds: number,
  say: (line: string) => void,
  stopped: Promise<never>,
): Promise<ManyRangesReport> {
  const ranges = NAMESPACES.length * RANGES_EACH;
  say(`many-ranges: ${ranges} ranges with ${NAMESPACES.length * KEYS_EACH} keys on ${NODES} nodes`);
  const cluster = await BenchCluster.start('many-ranges', NODES);
  const runs: TimedRun[] = [];
  const report = (run: TimedRun): void => {
    runs.push(run);
    say(`  ${describe(run)}`);
  };
  const clients: Client[] = [];
  const measure = async (): Promise<number> => {
    for (const namespace of NAMESPACES) clients.push(await filled(cluster, namespace));
    const world = { cluster, clients };
    const wrongRows = await countWrong(clients);
    say(`  ${wrongRows} rows wrong in scans and counts`);
    for (let round = 0; round < rounds; round++) {
      report(await coldStart(world));
      report(await failover(world, round, 'crash'));
      report(await failover(world, round + 1, 'loss'));
      report(await drain(world, round + 2));
    }
    return wrongRows + (await countWrong(clients));
  };
  try {
    return { runs, wrongRows: await Promise.race([measure(), stopped]) };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await cluster.stop();
  }
}

function describe({ what, times, goalMs }: TimedRun): string {
  const { median, max } = spreadOf(times);
  const each = times.length === 1 ? '' : `${times.length} ranges, median ${Math.round(median)} ms, `;
  return `${what}: ${each}last ${Math.round(max)} ms (goal ${goalMs} ms: ${max <= goalMs ? 'met' : 'missed'})`;
}

async function filled(cluster: BenchCluster, namespace: string): Promise<Client> {
  const splitAt = Array.from({ length: RANGES_EACH - 1 }, (_, at) =>
    keyOf(PREFIX, Math.floor(((at + 1) * KEYS_EACH) / RANGES_EACH)),
  );
  await cluster.makeNamespace(namespace, splitAt);
  const client = await connect({ zk: cluster.zk, namespace, connectMs: 30_000, deadlineMs: DEADLINE_MS });
  await untilInSync(client, (inSync) => inSync === 3);
  const keys = Array.from({ length: KEYS_EACH }, (_, at) => keyOf(PREFIX, at));
  await Promise.all(keys.map((key) => client.put(key, key)));
  return client;
}

async function countWrong(clients: readonly Client[]): Promise<number> {
  let wrong = 0;
  for (const client of clients) {
    let at = 0;
    for await (const { key } of client.scan({ prefix: PREFIX }))
      if (textOf(key) !== keyOf(PREFIX, at++)) wrong++;
    wrong += Math.abs(KEYS_EACH - at) + Math.abs(KEYS_EACH - (await client.count({ prefix: PREFIX })));
  }
  return wrong;
}

/** The time from now until a put has succeeded in each range that `owner` owns, or in every range, ms. */
async function untilWritable(clients: readonly Client[], owner: NodeId | null): Promise<readonly number[]> {
  const begin = realEnv.now();
  const puts = clients.flatMap((client) =>
    client
      .ranges()
      .filter(({ descriptor }) => owner === null || descriptor.owner.node === owner)
      .map(async ({ descriptor: { start } }) => {
        await client.put(`${textOf(start)}!`, '0');
        return realEnv.now() - begin;
      }),
  );
  return Promise.all(puts);
}

/** All nodes and coordinators are killed, and started again. */
async function coldStart({ cluster, clients }: World): Promise<TimedRun> {
  await delay(realEnv, REST_MS);
  await cluster.restartAll();
  const times = await untilWritable(clients, null);
  await allInSync(clients);
  return { what: 'cold start, until a range takes writes', times, goalMs: 5_000 };
}

async function failover(
  { cluster, clients }: World,
  round: number,
  fault: 'crash' | 'loss',
): Promise<TimedRun> {
  await delay(realEnv, REST_MS);
  const { id, name } = nodeAt(clients, round);
  if (fault === 'crash') cluster.signal(name, 'SIGKILL');
  else cluster.lose(name);
  const times = await untilWritable(clients, id);
  cluster.startNode(name);
  await allInSync(clients);
  const what = fault === 'crash' ? "a node's process crashes" : "a node's machine is lost (T = 2 s)";
  return {
    what: `${what}, until a range of it takes writes`,
    times,
    goalMs: fault === 'crash' ? 1_000 : 3_000,
  };
}

async function drain({ clients }: World, round: number): Promise<TimedRun> {
  await delay(realEnv, REST_MS);
  const { id } = nodeAt(clients, round);
  const client = present(clients[0], 'a client');
  const begin = realEnv.now();
  await client.drain(id, { wait: true, deadlineMs: DEADLINE_MS });
  const tookMs = realEnv.now() - begin;
  await client.undrain(id, { wait: true, deadlineMs: DEADLINE_MS });
  return { what: 'a node is drained', times: [tookMs], goalMs: 30_000 };
}

function nodeAt(clients: readonly Client[], round: number): { readonly id: NodeId; readonly name: string } {
  const client = present(clients[0], 'a client');
  const owners = [...new Set(client.ranges().map(({ descriptor }) => descriptor.owner.node))].sort();
  const id = present(owners[round % owners.length], 'an owner');
  return { id, name: nameOf(client, id) };
}

async function allInSync(clients: readonly Client[]): Promise<void> {
  for (const client of clients) await untilInSync(client, (inSync) => inSync === 3);
}
