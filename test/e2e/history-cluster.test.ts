// Several clients make every kind of operation on a real cluster. Meanwhile an owner is killed and started again. Checkers 1 to 4
// check the history. The seed of the operations is printed.

import test from 'ava';
import { delay, realEnv } from '../../common/base/env.ts';
import { History } from '../sim/history.ts';
import { HistoryWorker } from '../support/history-worker.ts';
import { checkHistory, finalRows, RecordingClient } from '../support/recording-client.ts';
import { seededRng } from '../support/rng.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

const CLIENTS = 4;
const PAIR = ['k/pair-a', 'k/pair-b'];
const KEYS = { all: ['k/1', 'k/2', 'k/3', ...PAIR], pair: PAIR };
const PAUSE_MS = 2;
/** Number of acknowledged writes between two events of the test. */
const WRITES = 200;

test.serial('the answers of clients keep every promise while an owner dies', async (t) => {
  const seed = Math.floor(realEnv.random() * 2 ** 31);
  t.log(`seed ${seed}`);
  const cluster = await TestCluster.start(t);
  const reader = await openClient(t, cluster);
  await reader.put('warm', 'up');
  await cluster.allInSync();
  const history = new History();
  const workers: HistoryWorker[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const client = new RecordingClient(`client ${at}`, await openClient(t, cluster), history, realEnv);
    workers.push(new HistoryWorker(client, KEYS, seededRng(seed + at), PAUSE_MS));
  }
  const written = () => history.operations.filter(({ outcome }) => outcome.kind === 'written').length;
  const more = async () => {
    for (const from = written(); written() < from + WRITES; ) await delay(realEnv, 50);
  };
  await more();
  const owner = await cluster.ownerOf('k/1');
  await owner.process.end('SIGKILL');
  await cluster.untilGone(owner);
  await more();
  await cluster.restart(owner);
  await cluster.allInSync();
  await more();
  for (const worker of workers) worker.stop();
  for (const worker of workers) await worker.done;

  const rows = (await finalRows(reader)).filter(({ key }) => key !== 'warm');
  const { operations } = history;
  t.log(`${operations.length} operations, ${written()} acknowledged writes`);
  t.deepEqual(checkHistory(operations, rows), []);
  const epochs = operations.flatMap(({ outcome }) => (outcome.kind === 'written' ? [outcome.epoch] : []));
  t.true(Math.max(...epochs) > Math.min(...epochs), 'the owner has changed meanwhile');
});
