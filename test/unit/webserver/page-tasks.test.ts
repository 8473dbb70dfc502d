// Which tasks the page lists, and in which order.

import test from 'ava';
import type { TaskRecord } from '../../../common/model/records.ts';
import { shownTasks, TASKS_SHOWN, type TaskImage } from '../../../webserver/page-tasks.ts';

function task(id: string, record: Partial<TaskRecord>): TaskImage {
  return {
    id,
    record: { request: { kind: 'rebalance' }, state: 'done', progress: '', createdAt: 1, ...record },
  };
}

test('what is under way comes first, then what waits, then what has ended; the newest first', (t) => {
  const { rows, more } = shownTasks([
    task('old', { createdAt: 1 }),
    task('failed', { state: 'failed', createdAt: 3 }),
    task('waits', { state: 'pending', createdAt: 2 }),
    task('runs', { state: 'running', createdAt: 1 }),
    task('runs too', { state: 'running', createdAt: 4 }),
    task('new', { createdAt: 9 }),
  ]);
  t.deepEqual(
    rows.map(({ id }) => id),
    ['runs too', 'runs', 'waits', 'new', 'failed', 'old'],
  );
  t.is(more, 0);
});

test('a dry run is listed until it has ended', (t) => {
  const { rows, more } = shownTasks([
    task('ended', { dryRun: true }),
    task('runs', { dryRun: true, state: 'running' }),
  ]);
  t.deepEqual(
    rows.map(({ id, dryRun }) => [id, dryRun]),
    [['runs', true]],
  );
  t.is(more, 0);
});

test('the request is told in the words of the REPL', (t) => {
  const { rows } = shownTasks([
    task('split', { createdAt: 2, request: { kind: 'split', namespace: 'stock', keys: ['m'] } }),
    task('rubbish', { request: null }),
  ]);
  t.deepEqual(
    rows.map(({ request }) => request),
    ['split m in stock', 'a request that cannot be read'],
  );
});

test('of a thousand that have ended, the newest are listed after what is under way, and the others counted', (t) => {
  const ended = Array.from({ length: 1_000 }, (_, at) => task(`e${at}`, { createdAt: at }));
  const { rows, more } = shownTasks([...ended, task('runs', { state: 'running', createdAt: 0 })]);
  t.is(rows.length, TASKS_SHOWN);
  t.deepEqual(
    rows.slice(0, 3).map(({ id }) => id),
    ['runs', 'e999', 'e998'],
  );
  t.is(more, 1_001 - TASKS_SHOWN);
});
