// A small state store on a real disk is damaged in every way: each byte is changed, each file is removed, files from two points in
// time are mixed. A start then finds all rows, or says that the data directory is damaged. It never gives another answer.

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { CorruptDataError } from '../../kvnode/storage/data-errors.ts';
import { openStorage } from '../../kvnode/storage/open.ts';
import { KEYS, ROWS, readRows, STEPS, sessionsOf } from '../support/store-steps.ts';

const options = { env: realEnv, logger: silentLogger, limits: { flushMs: 2, segmentBytes: 16 * 1024 } };
const last = STEPS.length - 1;
let root = '';
/** A copy of the data directory after each step. */
const copies: string[] = [];

test.before('the data directories are written', async () => {
  root = await mkdtemp(join(tmpdir(), 'rangekeeper-damage-'));
  const directory = join(root, 'data');
  for (const [step, run] of STEPS.entries()) {
    const storage = await openStorage(directory, options);
    await run(storage);
    // A node does this while it runs and when it stops.
    await storage.raiseGeneration('story');
    await storage.close();
    const copy = join(root, `step-${step}`);
    await cp(directory, copy, { recursive: true });
    copies.push(copy);
  }
});

test.after.always('the copies are removed', () => rm(root, { recursive: true, force: true }));

function stateOf(step: number): string {
  return join(copies[step] as string, 'state');
}

let attempts = 0;

/** Changes a copy of the data directory after `step`, and returns the result of a start with it. */
async function verdict(step: number, change: (state: string) => Promise<void>): Promise<string> {
  const directory = join(root, `attempt-${attempts++}`);
  await cp(copies[step] as string, directory, { recursive: true });
  try {
    await change(join(directory, 'state'));
    return await verdictOf(directory, step);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function verdictOf(directory: string, step: number): Promise<string> {
  try {
    const storage = await openStorage(directory, options);
    try {
      const sessions = sessionsOf(storage);
      const rows = await readRows(storage, KEYS);
      const right =
        JSON.stringify(rows) === JSON.stringify(ROWS[step]) && sessions === (step > 0 ? 'client=record' : '');
      return right ? 'right' : `WRONG: ${rows.join(' ')} ${sessions}`;
    } finally {
      await storage.close().catch(() => {});
    }
  } catch (error) {
    return error instanceof CorruptDataError ? 'damaged' : `FAILED: ${String(error)}`;
  }
}

function count(verdicts: Map<string, number>, verdict: string): void {
  verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
}

test('the unchanged copies have the right rows', async (t) => {
  for (const step of STEPS.keys()) t.is(await verdict(step, async () => {}), 'right', `after step ${step}`);
});

test('each changed byte of the state store is harmless or found', async (t) => {
  const verdicts = new Map<string, number>();
  for (const name of await readdir(stateOf(last))) {
    if (name.startsWith('LO')) continue;
    const { length } = await readFile(join(stateOf(last), name));
    for (let at = 0; at < length; at++) {
      const found = await verdict(last, async (state) => {
        const bytes = await readFile(join(state, name));
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        await writeFile(join(state, name), bytes);
      });
      count(verdicts, found);
      if (found !== 'right' && found !== 'damaged') t.fail(`${name} at ${at}: ${found}`);
    }
  }
  t.true((verdicts.get('damaged') ?? 0) > 500, [...verdicts].join(' '));
});

test('each missing file of the state store, and all of them missing, are harmless or found', async (t) => {
  for (const step of STEPS.keys()) {
    const names = await readdir(stateOf(step));
    for (const name of names) {
      const found = await verdict(step, (state) => rm(join(state, name)));
      const harmless = name.startsWith('LO');
      t.true(found === 'damaged' || found === 'right', `${name} after step ${step}: ${found}`);
      if (harmless) t.is(found, 'right', name);
    }
    const found = await verdict(step, (state) => rm(state, { recursive: true }));
    // After the first step the log still holds everything.
    t.is(found, step === 0 ? 'right' : 'damaged', `all after step ${step}`);
  }
});

test('each missing file of the log, and all of them missing, are harmless or found, with and without the state store', async (t) => {
  for (const step of STEPS.keys()) {
    const names = await readdir(join(copies[step] as string, 'wal'));
    for (const withState of [true, false]) {
      const lose = (lost: readonly string[]) =>
        verdict(step, async (state) => {
          for (const name of lost) await rm(join(state, '..', 'wal', name));
          if (!withState) await rm(state, { recursive: true });
        });
      for (const name of names) {
        const found = await lose([name]);
        const what = `${name} after step ${step}, ${withState ? 'with' : 'without'} the state`;
        t.true(found === 'damaged' || found === 'right', `${what}: ${found}`);
        if (name === names.toSorted().at(-1)) t.is(found, 'damaged', what);
      }
      t.is(await lose(names), 'damaged', `all after step ${step}`);
    }
  }
});

test('each pair of files from an earlier point in time is harmless or found', async (t) => {
  const verdicts = new Map<string, number>();
  for (let step = 1; step <= last; step++) {
    for (let earlier = 0; earlier < step; earlier++) {
      const names = (await readdir(stateOf(earlier))).filter((name) => !name.startsWith('LO'));
      const pairs = names.flatMap((one, i) => names.slice(i).map((other) => [one, other] as const));
      for (const pair of pairs) {
        const found = await verdict(step, async (state) => {
          for (const name of pair) await cp(join(stateOf(earlier), name), join(state, name));
        });
        count(verdicts, found);
        if (found !== 'right' && found !== 'damaged') {
          t.fail(`${pair.join(' and ')} of step ${earlier} in step ${step}: ${found}`);
        }
      }
      const found = await verdict(step, async (state) => {
        await rm(state, { recursive: true });
        await cp(stateOf(earlier), state, { recursive: true });
      });
      t.true(found === 'damaged' || found === 'right', `all of step ${earlier} in step ${step}: ${found}`);
    }
  }
  t.true((verdicts.get('damaged') ?? 0) > 10, [...verdicts].join(' '));
});
