// The files of the shared log. One is written to, the next one is prepared (zeros, synced) while this one fills, older
// ones are only read until they are deleted, oldest first.

import { assert, present } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import type { Disk, DiskFile } from './disk.ts';
import { type Paths, segmentPath } from './files.ts';

interface Segment {
  readonly number: number;
  /** Null until it is first needed, or while it is being prepared. */
  file: DiskFile | null;
  /** Bytes of records in it. */
  end: number;
}

export class Segments {
  readonly #disk: Disk;
  readonly #paths: Paths;
  readonly #segmentBytes: number;
  /** Oldest first; the last one is written to. */
  readonly #list: Segment[] = [];
  /** Files being made, or made and not yet written to. */
  readonly #prepared = new Map<number, Promise<DiskFile>>();

  constructor(disk: Disk, paths: Paths, segmentBytes: number) {
    this.#disk = disk;
    this.#paths = paths;
    this.#segmentBytes = segmentBytes;
  }

  get numbers(): readonly number[] {
    return this.#list.map((segment) => segment.number);
  }

  /** Bytes of records in all of them. */
  get bytes(): number {
    return this.#list.reduce((sum, segment) => sum + segment.end, 0);
  }

  /** A segment found at start, in order. */
  adopt(number: number, end: number): void {
    this.#list.push({ number, file: null, end });
  }

  /** The one written to becomes `number`; writing waits for {@link fileOf}. */
  roll(number: number): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.number < number, 'segments are numbered upwards');
    this.#prepare(number);
    this.#list.push({ number, file: null, end: 0 });
  }

  /** Records of the newest segment end at `end`; the next segment is prepared when half of this one is used. */
  setEnd(end: number): void {
    const last = present(this.#list.at(-1), 'a segment to write to');
    last.end = end;
    if (end > this.#segmentBytes / 2) this.#prepare(last.number + 1);
  }

  /** The file of the newest segments, once it is prepared. */
  fileOf(number: number): DiskFile | Promise<DiskFile> {
    const segment = this.#get(number);
    return segment.file ?? this.#takePrepared(segment);
  }

  read(number: number, offset: number, length: number): Bytes {
    return this.#opened(this.#get(number)).read(offset, length);
  }

  /** Gives back what was preallocated and not used of the segments before `number`. */
  shrinkBefore(number: number): void {
    const before = this.#list.findLast((segment) => segment.number < number);
    if (before !== undefined) this.#opened(before).shrink(before.end);
  }

  /** Deletes the oldest. */
  deleteFirst(): void {
    const first = present(this.#list.shift(), 'a segment to delete');
    first.file?.close();
    this.#disk.remove(segmentPath(this.#paths, first.number));
  }

  /** Bytes of records in the oldest. */
  get firstBytes(): number {
    return this.#list[0]?.end ?? 0;
  }

  async close(): Promise<void> {
    for (const [number, file] of this.#prepared) {
      // One that could not be made has been told of by whoever waited for it.
      (await file.catch(() => null))?.close();
      this.#disk.remove(segmentPath(this.#paths, number));
    }
    this.#prepared.clear();
    for (const segment of this.#list) {
      segment.file?.close();
      segment.file = null;
    }
  }

  #opened(segment: Segment): DiskFile {
    segment.file ??= this.#disk.open(segmentPath(this.#paths, segment.number));
    return segment.file;
  }

  #get(number: number): Segment {
    const segment = this.#list.find((one) => one.number === number);
    return present(segment, `segment ${number}`);
  }

  #prepare(number: number): void {
    if (this.#prepared.has(number)) return;
    const file = this.#disk.create(segmentPath(this.#paths, number), this.#segmentBytes);
    // Whoever takes it sees the error; until then it must not count as unhandled.
    file.catch(() => {});
    this.#prepared.set(number, file);
  }

  async #takePrepared(segment: Segment): Promise<DiskFile> {
    segment.file = await present(this.#prepared.get(segment.number), 'a prepared segment');
    this.#prepared.delete(segment.number);
    return segment.file;
  }
}
