// Ranges are split, merged and moved at random, and processes are killed, while several clients make every kind of operation on a real
// cluster. It takes half a minute, or RANGEKEEPER_TURMOIL_MS. Each round has keys of its own, and checkers 1 to 4 check its history.

import test from 'ava';
import type { Client } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { History, type Operation } from '../sim/history.ts';
import { HistoryWorker } from '../support/history-worker.ts';
import { checkHistory, finalRows, RecordingClient } from '../support/recording-client.ts';
import { seededRng } from '../support/rng.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';
import { Turmoil } from '../support/turmoil.ts';

const TURMOIL_MS = Number(process.env.RANGEKEEPER_TURMOIL_MS ?? 30_000);
const ROUND_MS = 10_000;
const NODES = 5;
const CLIENTS = 4;
const PAUSE_MS = 5;
const LETTERS = [...'abcdefgh'];

/** A round's keys are spread over all ranges. The two of a batch are neighbours, and mostly in one range. */
function keysOf(round: number) {
  const pair = ['d', 'd~'].map((start) => `${start}/${round}`);
  return { all: [...LETTERS.map((letter) => `${letter}/${round}`), ...pair], pair };
}

/** Failures that the operations themselves explain: a condition was not met, or a split has parted the keys of a batch. */
function unexplained(operations: readonly Operation[]): readonly Operation[] {
  return operations.filter(
    ({ outcome }) =>
      outcome.kind === 'unknown' || (outcome.kind === 'failed' && outcome.code !== 'CROSS_RANGE'),
  );
}

test.serial('the answers of clients keep every promise while ranges and nodes come and go', async (t) => {
  t.timeout(TURMOIL_MS + 300_000);
  const seed = Math.floor(realEnv.random() * 2 ** 31);
  t.log(`seed ${seed}`);
  const cluster = await TestCluster.start(t, { nodes: NODES, coordinators: 2 });
  const clients: Client[] = [];
  for (let at = 0; at <= CLIENTS; at++) clients.push(await openClient(t, cluster));
  const [admin, ...users] = clients as [Client, ...Client[]];
  await cluster.allInSync();
  const turmoil = new Turmoil({
    ...{ cluster, client: admin, rng: seededRng(seed) },
    cuts: LETTERS.flatMap((letter) => [letter, `${letter}~`]),
  });
  t.teardown(() => turmoil.stop());
  const end = realEnv.now() + TURMOIL_MS;
  let count = 0;
  for (let round = 1; realEnv.now() < end && !turmoil.isOver; round++) {
    const history = new History();
    const keys = keysOf(round);
    const workers = users.map((user, at) => {
      const client = new RecordingClient(`client ${at}`, user, history, realEnv);
      return new HistoryWorker(client, keys, seededRng(seed + round * CLIENTS + at), PAUSE_MS);
    });
    await delay(realEnv, ROUND_MS);
    for (const worker of workers) worker.stop();
    for (const worker of workers) await worker.done;
    const rows = (await finalRows(admin)).filter(({ key }) => keys.all.includes(key));
    t.deepEqual(checkHistory(history.operations, rows), []);
    const failures = workers.flatMap((worker) => worker.failures);
    t.deepEqual(unexplained(history.operations), [], failures.join('\n'));
    count += history.operations.length;
  }
  await turmoil.stop();

  t.log(`${count} operations; ${JSON.stringify(Object.fromEntries(turmoil.tallies))}`);
  for (const kind of ['split', 'merge', 'move', 'transfer', 'kill'])
    t.true((turmoil.tallies.get(kind)?.done ?? 0) > 0, `${kind} was done`);
  await cluster.allInSync();
  await admin.refresh();
  for (const { descriptor } of admin.ranges())
    t.is((await admin.checkRange(descriptor.id)).verdict, 'sound', `range ${descriptor.id}`);
  const open = (await admin.tasks()).filter(({ state }) => state === 'pending' || state === 'running');
  t.deepEqual(open, []);
});
