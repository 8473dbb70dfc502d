// The files of the shared log. One is written to, the next one is prepared (zeros, synced) while this one fills, older
// ones are only read until they are deleted, oldest first. So a full disk is met while there is still room in the segment
// that is written to. Then the next one is tried again and again, and nobody fails: the log waits where it must. Where
// groups are large the next one begins empty, and a full disk is met by a write, which is tried again alike.

import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { delay, type Env } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import { isDiskFull } from '../data-errors.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { type Paths, segmentPath } from '../files.ts';

interface Segment {
  readonly number: number;
  /** Null until it is first needed, or while it is being prepared. */
  file: DiskFile | null;
  /** Bytes of records in it, written in so many groups. */
  end: number;
  groups: number;
}

export interface SegmentsOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly disk: Disk;
  readonly paths: Paths;
  readonly segmentBytes: number;
}

const FULL_RETRY_MS = 500;
/**
 * Where groups are as large, the next segment is not filled with zeros first: that makes small syncs fast, and these take as
 * long as the disk needs for their bytes.
 */
const LARGE_GROUP_BYTES = 128 * 1024;

export class Segments {
  readonly #options: SegmentsOptions;
  readonly #disk: Disk;
  readonly #paths: Paths;
  readonly #segmentBytes: number;
  /** Oldest first; the last one is written to. */
  readonly #list: Segment[] = [];
  /** Files being made, or made and not yet written to. */
  readonly #prepared = new Map<number, Promise<DiskFile>>();

  /** Under way. */
  readonly #deletions = new Set<Promise<void>>();

  /** Whether a full disk is waited for. At a start it is an error; whoever starts it can read that. */
  #waitsForSpace = false;
  /** What waits for room: the next segment, a write beyond the end of the present one. */
  #waiting = 0;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#disk = options.disk;
    this.#paths = options.paths;
    this.#segmentBytes = options.segmentBytes;
  }

  /** There is no room for what has to be written now, or soon. */
  get full(): boolean {
    return this.#waiting > 0;
  }

  /** From now on a full disk is waited for. */
  waitForSpace(): void {
    this.#waitsForSpace = true;
  }

  /** No longer; who waits for a segment gets the error. */
  stopWaiting(): void {
    this.#waitsForSpace = false;
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
    this.#list.push({ number, file: null, end, groups: 0 });
  }

  /** The one written to becomes `number`; writing waits in {@link write}. */
  roll(number: number): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.number < number, 'segments are numbered upwards');
    this.#prepare(number);
    this.#list.push({ number, file: null, end: 0, groups: 0 });
  }

  /** A group of the newest segment ends at `end`; the next segment is prepared when half of this one is used. */
  setEnd(end: number): void {
    const last = present(this.#list.at(-1), 'a segment to write to');
    last.end = end;
    last.groups++;
    if (end > this.#segmentBytes / 2) this.#prepare(last.number + 1);
  }

  /** Writes into one of the newest segments, once it is prepared; gives the file, to be synced. */
  async write(number: number, parts: readonly Bytes[], at: number): Promise<DiskFile> {
    const segment = this.#get(number);
    const file = segment.file ?? (await this.#takePrepared(segment));
    // The last group of a segment may reach beyond what was made ready.
    await this.#retryWhileFull(() => file.write(parts, at));
    return file;
  }

  read(number: number, offset: number, length: number): Bytes {
    return this.#opened(this.#get(number)).read(offset, length);
  }

  /** Gives back what was preallocated and not used of the segments before `number`. */
  shrinkBefore(number: number): void {
    const before = this.#list.findLast((segment) => segment.number < number);
    if (before !== undefined) this.#opened(before).shrink(before.end);
  }

  /**
   * Deletes the oldest, in the background: whatever of several is gone first, recovery goes back only to where one is
   * missing, and takes away what is older.
   */
  deleteFirst(): void {
    const first = present(this.#list.shift(), 'a segment to delete');
    first.file?.close();
    const deleted = this.#disk.remove(segmentPath(this.#paths, first.number)).catch((error: unknown) => {
      this.#options.logger.warn(
        { segment: first.number, error: String(error) },
        'cannot delete a segment of the log',
      );
    });
    this.#deletions.add(deleted);
    void deleted.then(() => this.#deletions.delete(deleted));
  }

  /** Bytes of records in the oldest. */
  get firstBytes(): number {
    return this.#list[0]?.end ?? 0;
  }

  async close(): Promise<void> {
    for (const [number, file] of this.#prepared) {
      // One that could not be made has been told of by whoever waited for it.
      (await file.catch(() => null))?.close();
      await this.#disk.remove(segmentPath(this.#paths, number));
    }
    this.#prepared.clear();
    await Promise.all(this.#deletions);
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
    const path = segmentPath(this.#paths, number);
    const file = this.#retryWhileFull(() => this.#disk.create(path, this.#bytesToPrepare()));
    // Whoever takes it sees the error; until then it must not count as unhandled.
    file.catch(() => {});
    this.#prepared.set(number, file);
  }

  #bytesToPrepare(): number {
    const last = this.#list.at(-1);
    const hasLargeGroups =
      last !== undefined && last.end >= LARGE_GROUP_BYTES * last.groups && last.groups > 0;
    return hasLargeGroups ? 0 : this.#segmentBytes;
  }

  /** Tried until there is room. What was half written is written over: unlike a failed sync that loses nothing. */
  async #retryWhileFull<T>(action: () => T | Promise<T>): Promise<T> {
    const { env, logger } = this.#options;
    for (let waits = false; ; ) {
      try {
        const result = await action();
        if (waits && --this.#waiting === 0) logger.info({}, 'there is room on the disk again');
        return result;
      } catch (error) {
        if (!isDiskFull(error) || !this.#waitsForSpace) throw error;
        if (!waits && ++this.#waiting === 1)
          logger.error({ directory: this.#paths.root }, 'the disk is full: no room for more log');
        waits = true;
      }
      await delay(env, FULL_RETRY_MS);
    }
  }

  async #takePrepared(segment: Segment): Promise<DiskFile> {
    segment.file = await present(this.#prepared.get(segment.number), 'a prepared segment');
    this.#prepared.delete(segment.number);
    return segment.file;
  }
}
