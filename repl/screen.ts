// The REPL's output: answers go to stdout, everything else to stderr. Writing waits for a slow reader. If the reader has closed
// stdout, the next write throws OutputClosed, which ends the run.

import type { Writable } from 'node:stream';
import { OutputClosed } from './failures.ts';

export interface Screen {
  /** Writes a part of an answer. Parts are buffered; waits only if the reader is slow. */
  write(part: string | Uint8Array): Promise<void>;
  /** Writes all buffered parts. */
  flush(): Promise<void>;
  /** Writes a line for people to stderr. */
  say(line: string): void;
  /** The width of the terminal that shows the answers, in columns; null: stdout is not a terminal. */
  readonly width: number | null;
}

const BUFFER_BYTES = 64 * 1024;

/** A stream that may be a terminal, such as process.stdout. */
type Outlet = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export class StreamScreen implements Screen {
  readonly #out: Outlet;
  readonly #err: Writable;
  #parts: Uint8Array[] = [];
  #bufferedBytes = 0;
  #failure: Error | null = null;

  constructor(out: Outlet, err: Writable) {
    this.#out = out;
    this.#err = err;
    out.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= error.code === 'EPIPE' ? new OutputClosed('nobody reads the output') : error;
    });
    err.on('error', () => {});
  }

  get width(): number | null {
    return this.#out.isTTY === true ? (this.#out.columns ?? 80) : null;
  }

  async write(part: string | Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    this.#parts.push(bytes);
    this.#bufferedBytes += bytes.length;
    if (this.#bufferedBytes >= BUFFER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#bufferedBytes > 0) {
      const chunk = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#bufferedBytes = 0;
      await new Promise<void>((resolve) => this.#out.write(chunk, () => resolve()));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  say(line: string): void {
    if (!this.#err.destroyed) this.#err.write(`${line}\n`);
  }
}
