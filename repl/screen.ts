// Where the REPL speaks: answers to stdout, everything else to stderr. Writing waits for a slow reader, and a reader
// that has gone ends the work at the next write (OutputClosed) instead of crashing the process.

import type { Writable } from 'node:stream';
import { toBytes } from '../common/base/bytes.ts';
import { OutputClosed } from './failures.ts';

export interface Screen {
  /** Part of an answer. Gathered; resolves at once unless the reader is slow. */
  write(part: string | Uint8Array): Promise<void>;
  /** Ends an answer: all of it is on its way. */
  flush(): Promise<void>;
  /** A line for the person, on stderr. */
  say(line: string): void;
  /** Columns of the terminal that shows the answers; null where none does. */
  readonly width: number | null;
}

const GATHER_BYTES = 64 * 1024;

/** A stream that may be a terminal, as process.stdout is. */
type Outlet = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export class StreamScreen implements Screen {
  readonly #out: Outlet;
  readonly #err: Writable;
  #parts: Uint8Array[] = [];
  #gathered = 0;
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
    const bytes = toBytes(part);
    this.#parts.push(bytes);
    this.#gathered += bytes.length;
    if (this.#gathered >= GATHER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#gathered > 0) {
      const chunk = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#gathered = 0;
      await new Promise<void>((resolve) => this.#out.write(chunk, () => resolve()));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  say(line: string): void {
    if (!this.#err.destroyed) this.#err.write(`${line}\n`);
  }
}
