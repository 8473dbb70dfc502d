// Tests of what every StateEngine promises: LevelDB and its twin.

import type { ExecutionContext, TestFn } from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import type { CursorOptions, StateCursor, StateEngine } from '../../../kvnode/storage/state/engine.ts';
import { seededRng } from '../../support/rng.ts';

export interface EngineWorld {
  open(): Promise<StateEngine>;
  remove(): Promise<void>;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

const ALL: CursorOptions = {
  start: toBytes(''),
  end: toBytes('~'),
  reverse: false,
  values: true,
  bytesMax: 1_000_000,
};

async function fill(engine: StateEngine, texts: readonly string[]): Promise<void> {
  const batch = engine.batch();
  for (const text of texts) batch.put(toBytes(text), toBytes(`${text}!`));
  await batch.write();
}

/** Bytes that cannot be packed. */
function rowOfNoise(seed: number, length: number): Uint8Array {
  const rng = seededRng(seed);
  return Uint8Array.from({ length }, () => rng.below(256));
}

async function rest(cursor: StateCursor, rows = 10): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const pairs = await cursor.next(rows);
    if (pairs.length === 0) return found;
    for (const [key, value] of pairs) {
      found.push(
        Buffer.from(key).toString() + (value === undefined ? '' : `=${Buffer.from(value).toString()}`),
      );
    }
  }
}

const stories: Readonly<Record<string, (t: ExecutionContext, world: EngineWorld) => Promise<void>>> = {
  'rows can be read, also after a reopen': async (t, world) => {
    const first = await world.open();
    await fill(first, ['b', 'a', 'c']);
    const batch = first.batch();
    batch.delete(toBytes('b'));
    batch.delete(toBytes('absent'));
    await batch.write();
    await first.close();
    const engine = await world.open();
    t.deepEqual(Buffer.from(engine.get(toBytes('a')) ?? []).toString(), 'a!');
    t.is(engine.get(toBytes('b')), undefined);
    t.deepEqual(await rest(engine.open(ALL)), ['a=a!', 'c=c!']);
    await engine.close();
  },

  'a batch copies its keys and values': async (t, world) => {
    const engine = await world.open();
    const batch = engine.batch();
    const scratch = Buffer.from('a');
    for (const text of ['x', 'y', 'z']) {
      scratch.write(text);
      batch.put(scratch, scratch);
    }
    scratch.write('q');
    await batch.write();
    t.deepEqual(await rest(engine.open(ALL)), ['x=x', 'y=y', 'z=z']);
    await engine.close();
  },

  'cursors stay within their bounds in both directions, and order by unsigned bytes': async (t, world) => {
    const engine = await world.open();
    await fill(engine, ['a', 'b', 'c', 'd', 'é']);
    const read = (options: Partial<CursorOptions>) =>
      rest(engine.open({ ...ALL, values: false, ...options }));
    t.deepEqual(await read({ start: toBytes('b'), end: toBytes('d') }), ['b', 'c']);
    t.deepEqual(await read({ start: toBytes('b'), end: toBytes('d'), reverse: true }), ['c', 'b']);
    t.deepEqual(await read({ start: toBytes('b'), end: toBytes('b') }), []);
    t.deepEqual(await read({ end: Uint8Array.of(0xff) }), ['a', 'b', 'c', 'd', 'é']);
    await engine.close();
  },

  'a cursor returns a few rows at a time, at least one': async (t, world) => {
    const engine = await world.open();
    await fill(engine, ['a', 'b', 'c', 'd']);
    const cursor = engine.open({ ...ALL, bytesMax: 1 });
    t.is((await cursor.next(3)).length, 1);
    t.deepEqual(await rest(cursor), ['b=b!', 'c=c!', 'd=d!']);
    t.deepEqual(await cursor.next(1), []);
    cursor.close();
    const wide = engine.open(ALL);
    t.is((await wide.next(3)).length, 3);
    wide.close();
    await engine.close();
  },

  'cursors and snapshots show the moment at which they were opened': async (t, world) => {
    const engine = await world.open();
    await fill(engine, ['a', 'b']);
    const cursor = engine.open(ALL);
    const snapshot = engine.snapshot();
    await fill(engine, ['c']);
    const batch = engine.batch();
    batch.delete(toBytes('a'));
    await batch.write();
    t.deepEqual(await rest(cursor), ['a=a!', 'b=b!']);
    t.not(snapshot.get(toBytes('a')), undefined);
    t.is(snapshot.get(toBytes('c')), undefined);
    t.deepEqual(await rest(snapshot.open(ALL)), ['a=a!', 'b=b!']);
    cursor.close();
    snapshot.close();
    t.deepEqual(await rest(engine.open(ALL)), ['b=b!', 'c=c!']);
    await engine.close();
  },

  'the files are verified piece by piece while batches are written': async (t, world) => {
    const engine = await world.open();
    for (const text of ['a', 'b', 'c']) await fill(engine, [text]);
    await engine.flush();
    let announced = 0;
    const verified = engine.verify(async (bytes) => {
      announced += bytes;
      await fill(engine, ['d', 'e']);
      await engine.flush();
    });
    t.true((await verified) > 0);
    t.true(announced > 0);
    await engine.close();
  },

  'the bytes of a span are about those of its rows, once they are in tables': async (t, world) => {
    const engine = await world.open();
    const batch = engine.batch();
    for (let row = 0; row < 4_000; row++)
      batch.put(toBytes(String(row).padStart(4, '0')), rowOfNoise(row, 1_000));
    await batch.write();
    await engine.flush();
    const close = (actual: number, expected: number) =>
      t.true(Math.abs(actual - expected) < 0.05 * expected, `${actual} is about ${expected}`);
    close(await engine.approximateBytes(toBytes('0'), toBytes('9')), 4_000_000);
    close(await engine.approximateBytes(toBytes('1000'), toBytes('2000')), 1_000_000);
    t.is(await engine.approximateBytes(toBytes('a'), toBytes('b')), 0);
    await engine.close();
  },

  'a directory has one user at a time': async (t, world) => {
    const engine = await world.open();
    await t.throwsAsync(world.open(), {
      name: 'DataDirectoryLockedError',
      message: /in use by another process/,
    });
    await engine.close();
    await (await world.open()).close();
  },
};

/** Registers the tests of the suite. */
export function engineSuite(test: TestFn, name: string, makeWorld: () => Promise<EngineWorld>): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name}: ${title}`, async (t) => {
      const world = await makeWorld();
      t.teardown(() => world.remove());
      await world.until(story(t, world));
    });
  }
}
