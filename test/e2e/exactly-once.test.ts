// R13 with real processes: owners die under load, connections break, replicas are replaced by snapshots. Every write is applied
// exactly once, and its caller gets that answer. ZooKeeper is real.

import test from 'ava';
import type { Client } from '../../client/index.ts';
import { toBytes } from '../../common/base/bytes.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { encodeOperation } from '../../common/wire/operation.ts';
import { DirectClient } from '../support/direct-client.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { type NodeProcess, openClient, TestCluster } from '../support/test-cluster.ts';

const decoder = new TextDecoder();

async function numberAt(client: Client, key: string): Promise<{ value: number; revision: number }> {
  const found = await client.get(key);
  return found === null
    ? { value: 0, revision: 0 }
    : { value: Number(decoder.decode(found.value)), revision: found.revision };
}

// ---- through the client library ------------------------------------------------------------------------------------

interface Running {
  readonly stopped: () => boolean;
  /** The present value of each counter. */
  readonly counts: Map<string, number>;
}

/** Resolves when every counter has grown by `steps`. */
async function goneOn({ counts, stopped }: Running, steps: number): Promise<void> {
  const from = new Map(counts);
  while (!stopped() && [...counts].some(([key, value]) => value < (from.get(key) ?? 0) + steps))
    await delay(realEnv, 10);
}

/**
 * A counter that only this loop writes. Each step has the condition that the key is at the revision of the step before. If a step
 * was applied but answered as refused, or was applied twice, the next one would be a CONFLICT. Any error fails the test.
 */
async function count(client: Client, key: string, { stopped, counts }: Running): Promise<void> {
  let revision = 0;
  for (let value = 1; !stopped(); value++) {
    revision = (await client.put(key, String(value), { ifRevision: revision })).revision;
    counts.set(key, value);
  }
}

/** Makes many concurrent puts without conditions. Returns their number. */
async function write(client: Client, key: string, stopped: () => boolean): Promise<number> {
  let written = 0;
  const seen = new Set<number>();
  while (!stopped()) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.put(key, String(++written))));
    for (const { revision } of answers) {
      if (seen.has(revision)) throw new Error(`revision ${revision} was answered twice`);
      seen.add(revision);
    }
  }
  return written;
}

/** Reads a counter in a loop. Neither its value nor its revision may fall, and each value has one revision. */
async function watch(client: Client, key: string, stopped: () => boolean): Promise<number> {
  let reads = 0;
  let last = { value: 0, revision: 0 };
  for (; !stopped(); reads++) {
    const now = await numberAt(client, key);
    if (now.value < last.value || now.revision < last.revision)
      throw new Error(`${key} fell from ${last.value} to ${now.value}`);
    if ((now.value === last.value) !== (now.revision === last.revision))
      throw new Error(`${key} was written again with ${now.value}`);
    last = now;
  }
  return reads;
}

test.serial(
  'owners die under counters and unconditional puts: every write is applied once and answered',
  async (t) => {
    const cluster = await TestCluster.start(t);
    const client = await openClient(t, cluster);
    await client.put('k', '');
    await cluster.allInSync();
    let done = false;
    const keys = Array.from({ length: 8 }, (_, n) => `k/counter/${n}`);
    const running = { stopped: () => done, counts: new Map(keys.map((key) => [key, 0])) };
    const { counts, stopped } = running;
    const load = Promise.all([
      Promise.all(keys.map((key) => count(client, key, running))),
      Promise.all([1, 2].map((n) => write(client, `k/blind/${n}`, stopped))),
      Promise.all(keys.slice(0, 3).map((key) => watch(client, key, stopped))),
    ]);
    const kills = async () => {
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
        await goneOn(running, 10);
        const owner = await cluster.ownerOf('k');
        await owner.process.end(signal);
        await cluster.until('another owner', (images) =>
          images.every(({ descriptor }) => descriptor.owner.node !== owner.id),
        );
        await cluster.restart(owner);
        await cluster.allInSync();
      }
      await goneOn(running, 10);
    };
    const end = () => {
      done = true;
    };
    const [[, writes, reads]] = await Promise.all([load.finally(end), kills().finally(end)]);
    t.log({ counts: [...counts.values()], writes, reads });
    for (const [key, value] of counts) t.is((await numberAt(client, key)).value, value, key);
  },
);

// ---- the same bytes, sent directly ---------------------------------------------------------------------------------

interface Answered {
  /** A WriteReply, or an error that is the range's answer. */
  readonly text: string;
  readonly by: NodeProcess;
}

/** Sends an operation to the owner of `k` and returns its answer. Sends the same bytes again if there is no final answer. */
async function send(cluster: TestCluster, direct: DirectClient, operation: Uint8Array): Promise<Answered> {
  const end = realEnv.now() + WAIT_MS_MAX;
  for (;;) {
    const range = await cluster.descriptorOf('k');
    const by = cluster.node(range.owner.node);
    try {
      return { text: JSON.stringify(await direct.write(by, range, operation)), by };
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      const { code, retry, details } = error;
      if (code === 'CONFLICT') return { text: `CONFLICT ${details.revision}`, by };
      const passing = retry !== 'never' || code === 'OUTCOME_UNKNOWN';
      if (!passing || realEnv.now() > end) throw error;
      await delay(realEnv, 50);
    }
  }
}

test.serial(
  'answers survive their owner, a restart, and the replacement of a replica by a snapshot',
  async (t) => {
    const cluster = await TestCluster.start(t, {
      coordinatorArgs: ['--replace-after-ms', '500'],
      nodeArgs: ['--log-keep-mb', '1', '--log-retain-mb', '2'],
    });
    const client = await openClient(t, cluster);
    await client.put('k', '0');
    const clientId = realEnv.randomBytes(16);
    const operation = (number: number, ifRevision: number | null) =>
      encodeOperation({
        ...{ clientId, number, doneBelow: 1, base: 0 },
        mutations: [{ kind: 'put', key: toBytes('k'), value: toBytes(String(number)), ifRevision }],
      });
    const sent = [operation(1, null), operation(2, 0)] as const;
    const direct = await DirectClient.open(t, cluster);
    const answers = () => Promise.all(sent.map((bytes) => send(cluster, direct, bytes)));
    const again = async () => (await answers()).map(({ text }) => text);
    const first = await again();
    t.true(first[0]?.includes('write-reply') && first[1]?.startsWith('CONFLICT'), first.join());
    t.deepEqual(await again(), first, 'the same owner gives the same answers');
    await cluster.allInSync();

    const owner = await cluster.ownerOf('k');
    await owner.process.end('SIGTERM');
    await client.put('k/other', 'owned by another one');
    t.deepEqual(await again(), first, 'the next owner gives the same answers');
    await cluster.restart(owner);
    await cluster.allInSync();

    const value = 'v'.repeat(100_000);
    for (let n = 0; n < 120; n++) await client.put(`k/${n}`, value);
    await cluster.untilLogsAreShort(6_000_000);
    const last = await cluster.ownerOf('k');
    const lost = cluster.nodes.find((node) => node !== last);
    await lost?.process.end('SIGKILL');
    const fresh = await cluster.addNode('n4');
    await fresh.process.logged('snapshot installed');
    await cluster.until('the new node is in-sync', (images) =>
      images.every(({ descriptor }) => descriptor.inSync.includes(fresh.id)),
    );
    let repeated: readonly Answered[] = [];
    while (repeated.length === 0 || repeated.some(({ by }) => by !== fresh)) {
      await cluster.transfer('k', fresh);
      repeated = await answers();
      const texts = repeated.map(({ text }) => text);
      t.deepEqual(
        texts,
        first,
        `answered by ${repeated.map(({ by }) => by.name)}; n4 has them from a snapshot`,
      );
    }
    t.is((await numberAt(client, 'k')).value, 1, 'nothing was applied again');
  },
);
