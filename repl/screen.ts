// The REPL's output: answers go to stdout, everything else to stderr. Writing waits for a slow reader. If the reader has closed
// stdout, the next write throws OutputClosed, which ends the run, and nothing more is said.
//
// Everything that a terminal shows passes through here, and loses its control characters. Into a pipe or a file an answer is written
// as it is.

import type { Writable } from 'node:stream';
import { type Bytes, toBytes } from '../common/base/bytes.ts';
import {
  columnsOf,
  fitting,
  type MaybeTerminal,
  messageFor,
  rowsOf,
} from '../common/process/terminal-text.ts';
import { encodable, visible, visibleLine } from '../common/process/visible.ts';
import { OutputClosed } from './failures.ts';
import { inWords } from './transfer/file-error.ts';

export interface Screen {
  /** Writes a part of an answer. Parts are buffered; waits only if the reader is slow. */
  write(part: string): Promise<void>;
  /** Writes a part of an answer exactly, also to a terminal. */
  writeExactly(part: Bytes): Promise<void>;
  /** Writes all buffered parts. */
  flush(): Promise<void>;
  /** Writes a message for people to stderr. */
  say(message: string): void;
  /** Shows a line on stderr that the next one replaces. Does nothing if stderr is not a terminal. */
  status(line: string): void;
  /** The width of the terminal that shows the answers, in columns; null: stdout is not a terminal. */
  readonly width: number | null;
  /** The height of that terminal, in lines. */
  readonly height: number;
}

const BUFFER_BYTES = 64 * 1024;

/** Back to the first column, and erases from there to the end of the line. */
const CLEAR_LINE = '\r\x1b[K';

/** A stream that may be a terminal, such as process.stdout. */
type Outlet = Writable & MaybeTerminal;

export class StreamScreen implements Screen {
  readonly #out: Outlet;
  readonly #err: Outlet;
  #parts: Bytes[] = [];
  #bufferedBytes = 0;
  #failure: Error | null = null;
  #hasStatus = false;

  constructor(out: Outlet, err: Outlet) {
    this.#out = out;
    this.#err = err;
    out.on('error', (error) => this.#fail(error));
    err.on('error', () => {});
  }

  get width(): number | null {
    return columnsOf(this.#out);
  }

  get height(): number {
    return rowsOf(this.#out);
  }

  /** Whether the reader of stdout has closed it. */
  get isClosed(): boolean {
    return this.#failure instanceof OutputClosed;
  }

  write(part: string): Promise<void> {
    return this.writeExactly(toBytes(this.width === null ? encodable(part) : visible(part)));
  }

  async writeExactly(part: Bytes): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#parts.push(part);
    this.#bufferedBytes += part.length;
    if (this.#bufferedBytes >= BUFFER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#bufferedBytes > 0) {
      const chunk = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#bufferedBytes = 0;
      await new Promise<void>((resolve) =>
        this.#out.write(chunk, (error) => {
          if (error) this.#fail(error);
          resolve();
        }),
      );
    }
    if (this.#failure !== null) throw this.#failure;
  }

  say(message: string): void {
    if (this.isClosed || this.#err.destroyed) return;
    this.#err.write(`${this.#hasStatus ? CLEAR_LINE : ''}${messageFor(this.#err, message)}\n`);
    this.#hasStatus = false;
  }

  status(line: string): void {
    const columns = columnsOf(this.#err);
    if (columns === null || this.isClosed || this.#err.destroyed) return;
    this.#err.write(CLEAR_LINE + fitting(visibleLine(line), columns - 1));
    this.#hasStatus = true;
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#failure ??=
      error.code === 'EPIPE' ? new OutputClosed('nobody reads the output') : inWords('stdout', error);
  }
}
