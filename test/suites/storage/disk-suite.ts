// Tests of what every Disk promises while the power is on: the file system and its twins. Only the twins can show what
// a power cut leaves.

import type { ExecutionContext, TestFn } from 'ava';
import { type Bytes, toBytes } from '../../../common/base/bytes.ts';
import type { Disk } from '../../../kvnode/storage/disk.ts';

export interface DiskWorld {
  readonly disk: Disk;
  /** An empty directory on the disk. */
  readonly directory: string;
  remove(): Promise<void>;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

function textOf(bytes: Bytes | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('latin1');
}

const stories: Readonly<Record<string, (t: ExecutionContext, disk: Disk, at: string) => Promise<void>>> = {
  'a missing file reads as null, and cannot be opened': async (t, disk, at) => {
    t.deepEqual(disk.list(`${at}/absent`), []);
    t.is(disk.read(`${at}/absent`), null);
    t.throws(() => disk.open(`${at}/absent`), { code: 'ENOENT' });
    t.throws(() => disk.rename(`${at}/absent`, `${at}/other`), { code: 'ENOENT' });
    await t.notThrowsAsync(disk.remove(`${at}/absent`));
  },

  'an existing directory may be made again, and lists its content': async (t, disk, at) => {
    disk.makeDirectory(`${at}/d`);
    disk.makeDirectory(`${at}/d`);
    t.deepEqual(disk.list(`${at}/d`), []);
    (await disk.create(`${at}/d/b`, 1)).close();
    (await disk.create(`${at}/d/a`, 1)).close();
    await disk.syncDirectory(`${at}/d`);
    t.deepEqual([...disk.list(`${at}/d`)].sort(), ['a', 'b']);
  },

  'a file is replaced completely': async (t, disk, at) => {
    await disk.replace(`${at}/f`, toBytes('a long first text'));
    await disk.replace(`${at}/f`, toBytes('short'));
    t.is(textOf(disk.read(`${at}/f`)), 'short');
    t.deepEqual(disk.list(at), ['f']);
  },

  'a new file holds zeros, and cannot be created twice': async (t, disk, at) => {
    const file = await disk.create(`${at}/f`, 3);
    t.deepEqual([...(disk.read(`${at}/f`) ?? [])], [0, 0, 0]);
    file.write([toBytes('abc')], 0);
    await t.throwsAsync(disk.create(`${at}/f`, 3), { code: 'EEXIST' });
    t.is(textOf(disk.read(`${at}/f`)), 'abc');
    file.close();
  },

  'parts are written one after the other, over old content and beyond the end': async (t, disk, at) => {
    const file = await disk.create(`${at}/f`, 4);
    file.write([toBytes('ab'), toBytes(''), toBytes('cd')], 0);
    file.write([toBytes('X'), toBytes('YZ')], 3);
    await file.sync();
    t.is(textOf(disk.read(`${at}/f`)), 'abcXYZ');
    file.write([toBytes('!')], 8);
    t.is(textOf(disk.read(`${at}/f`)), 'abcXYZ\0\0!');
    file.close();
  },

  'a read ends at the end of the file, and returns a new buffer': async (t, disk, at) => {
    const file = await disk.create(`${at}/f`, 0);
    file.write([toBytes('abcdef')], 0);
    t.is(textOf(file.read(2, 3)), 'cde');
    t.is(textOf(file.read(4, 10)), 'ef');
    t.is(textOf(file.read(6, 1)), '');
    t.is(textOf(file.read(60, 1)), '');
    file.read(0, 6).fill(0);
    t.is(textOf(file.read(0, 6)), 'abcdef');
    file.close();
  },

  'written content does not change with the buffer that it came from': async (t, disk, at) => {
    const file = await disk.create(`${at}/f`, 3);
    const scratch = toBytes('abc');
    file.write([scratch], 0);
    const content = toBytes('xyz');
    await disk.replace(`${at}/g`, content);
    scratch.fill(0);
    content.fill(0);
    t.is(textOf(file.read(0, 3)), 'abc');
    t.is(textOf(disk.read(`${at}/g`)), 'xyz');
    file.close();
  },

  'a file that is opened again has its content and its size': async (t, disk, at) => {
    const first = await disk.create(`${at}/f`, 6);
    first.write([toBytes('abcdef')], 0);
    await first.sync();
    first.shrink(4);
    first.close();
    const again = disk.open(`${at}/f`);
    t.is(textOf(again.read(0, 10)), 'abcd');
    again.write([toBytes('E')], 4);
    await again.sync();
    t.is(textOf(disk.read(`${at}/f`)), 'abcdE');
    again.close();
  },

  'a rename replaces the target, and moves a directory with its content': async (t, disk, at) => {
    await disk.replace(`${at}/a`, toBytes('a'));
    await disk.replace(`${at}/b`, toBytes('b'));
    disk.rename(`${at}/a`, `${at}/b`);
    t.deepEqual([disk.read(`${at}/a`), textOf(disk.read(`${at}/b`))], [null, 'a']);
    disk.makeDirectory(`${at}/d`);
    await disk.replace(`${at}/d/f`, toBytes('f'));
    disk.rename(`${at}/d`, `${at}/e`);
    t.deepEqual([disk.list(`${at}/d`), disk.list(`${at}/e`)], [[], ['f']]);
    t.is(textOf(disk.read(`${at}/e/f`)), 'f');
  },

  'a removed file is gone, and a removed directory with its content': async (t, disk, at) => {
    await disk.replace(`${at}/a`, toBytes('a'));
    disk.makeDirectory(`${at}/d`);
    await disk.replace(`${at}/d/f`, toBytes('f'));
    await disk.remove(`${at}/a`);
    await disk.remove(`${at}/d`);
    await disk.syncDirectory(at);
    t.deepEqual(disk.list(at), []);
    t.is(disk.read(`${at}/d/f`), null);
    (await disk.create(`${at}/a`, 1)).close();
  },
};

/** Registers the tests of the suite. */
export function diskSuite(test: TestFn, name: string, makeWorld: () => Promise<DiskWorld>): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name}: ${title}`, async (t) => {
      const world = await makeWorld();
      t.teardown(() => world.remove());
      await world.until(story(t, world.disk, world.directory));
    });
  }
}
