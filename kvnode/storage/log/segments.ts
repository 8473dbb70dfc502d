// The files of the shared log. The newest one is written to. While it fills, the next one is prepared: filled with
// zeros and synced. Older ones are only read, and deleted from the oldest on.
//
// So a full disk is noticed while the newest segment still has space. Then the preparation is retried until there is
// space; nothing fails, and the log waits if it has to. If groups are large, the next segment is created empty. Then a
// write meets the full disk, and is retried in the same way.

import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { delay, type Env } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import { isDiskFull } from '../data-errors.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { type Paths, segmentPath } from '../files.ts';

interface Segment {
  readonly number: number;
  /** Null until the file is first needed, and while it is being prepared. */
  file: DiskFile | null;
  /** Bytes of records, and the number of groups that wrote them. */
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
 * If groups have this size on average, the next segment is not filled with zeros. Zeros make small syncs fast. The time
 * of a large sync depends on its bytes only.
 */
const LARGE_GROUP_BYTES = 128 * 1024;

export class Segments {
  readonly #options: SegmentsOptions;
  readonly #disk: Disk;
  readonly #paths: Paths;
  readonly #segmentBytes: number;
  /** Oldest first. The last one is written to. */
  readonly #list: Segment[] = [];
  /** Segments that are being created, or that no group was written to yet. */
  readonly #prepared = new Map<number, Promise<DiskFile>>();

  /** Deletions that have not ended. */
  readonly #deletions = new Set<Promise<void>>();

  /** Whether operations wait for space on a full disk. During a start they fail: a person reads the error. */
  #waitsForSpace = false;
  /**
   * Number of operations that wait for space: the creation of the next segment, and a write beyond the prepared size.
   */
  #waiting = 0;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#disk = options.disk;
    this.#paths = options.paths;
    this.#segmentBytes = options.segmentBytes;
  }

  /** Whether the disk has no space for the next write or the next segment. */
  get full(): boolean {
    return this.#waiting > 0;
  }

  /** From now on operations wait while the disk is full. */
  waitForSpace(): void {
    this.#waitsForSpace = true;
  }

  /** From now on a full disk is an error. Operations that wait reject with it. */
  stopWaiting(): void {
    this.#waitsForSpace = false;
  }

  get numbers(): readonly number[] {
    return this.#list.map((segment) => segment.number);
  }

  /** Bytes of records in all segments. */
  get bytes(): number {
    return this.#list.reduce((sum, segment) => sum + segment.end, 0);
  }

  /** Adds a segment that was found at the start. Called in order. */
  adopt(number: number, end: number): void {
    this.#list.push({ number, file: null, end, groups: 0 });
  }

  /** Makes `number` the newest segment. {@link write} waits until it is prepared. */
  roll(number: number): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.number < number, 'segments are numbered upwards');
    this.#prepare(number);
    this.#list.push({ number, file: null, end: 0, groups: 0 });
  }

  /** A group of the newest segment ends at `end`. Once half of the segment is used, the next one is prepared. */
  setEnd(end: number): void {
    const last = present(this.#list.at(-1), 'a segment to write to');
    last.end = end;
    last.groups++;
    if (end > this.#segmentBytes / 2) this.#prepare(last.number + 1);
  }

  /** Writes to one of the newest segments, once it is prepared. Resolves with the file, which the caller syncs. */
  async write(number: number, parts: readonly Bytes[], at: number): Promise<DiskFile> {
    const segment = this.#get(number);
    const file = segment.file ?? (await this.#takePrepared(segment));
    // The last group of a segment may end beyond the prepared size.
    await this.#retryWhileFull(() => file.write(parts, at));
    return file;
  }

  read(number: number, offset: number, length: number): Bytes {
    return this.#opened(this.#get(number)).read(offset, length);
  }

  /** Truncates the newest segment before `number` to its records: the rest was preallocated and not used. */
  shrinkBefore(number: number): void {
    const before = this.#list.findLast((segment) => segment.number < number);
    if (before !== undefined) this.#opened(before).shrink(before.end);
  }

  /**
   * Deletes the oldest segment, in the background. Several deletions may end in any order: recovery goes back to the
   * first missing segment, and removes what is older.
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

  /** Bytes of records in the oldest segment. */
  get firstBytes(): number {
    return this.#list[0]?.end ?? 0;
  }

  async close(): Promise<void> {
    for (const [number, file] of this.#prepared) {
      // If it could not be created, the caller of write() got the error.
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
    // write() reports the error. Until then it must not count as an unhandled rejection.
    file.catch(() => {});
    this.#prepared.set(number, file);
  }

  #bytesToPrepare(): number {
    const last = this.#list.at(-1);
    const hasLargeGroups =
      last !== undefined && last.end >= LARGE_GROUP_BYTES * last.groups && last.groups > 0;
    return hasLargeGroups ? 0 : this.#segmentBytes;
  }

  /** Repeats `action` until there is space. A partial write is overwritten; unlike a failed sync it loses nothing. */
  async #retryWhileFull<T>(action: () => T | Promise<T>): Promise<T> {
    const { env, logger } = this.#options;
    for (let waits = false; ; ) {
      try {
        const result = await action();
        if (waits && --this.#waiting === 0) logger.info({}, 'the disk has space again');
        return result;
      } catch (error) {
        if (!isDiskFull(error) || !this.#waitsForSpace) throw error;
        if (!waits && ++this.#waiting === 1)
          logger.error({ directory: this.#paths.root }, 'the disk is full: no space for the log');
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
