// Where exported rows are written: text to stdout, text to a file or a pipe, or files in a tree (tree-writer.ts). A file gets its
// name when it is complete, so that nobody takes half an export for a complete one.

import { type Bytes, toBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { Screen } from '../screen.ts';
import { type ByteOutput, openDirect } from './direct-output.ts';
import { namingFile } from './file-error.ts';
import { Replacement } from './replacement.ts';
import type { FileTarget } from './target.ts';

/** Why a row cannot be written; null: it was written. */
export type Refusal = string | null;

export interface RowSink {
  write(key: Bytes, value: Bytes): Promise<Refusal>;
  /** Called once all rows are written. */
  finish(): Promise<void>;
  /** Called if the export failed. */
  abandon(): Promise<void>;
}

/** The text format of an export: headings, and a line for each row. */
export interface TextForm {
  readonly headings: string;
  row(key: Bytes, value: Bytes): string;
}

const BUFFER_CHARACTERS = 256 * 1024;

export class ScreenSink implements RowSink {
  readonly #screen: Screen;
  readonly #form: TextForm;

  constructor(screen: Screen, form: TextForm) {
    this.#screen = screen;
    this.#form = form;
  }

  async begin(): Promise<this> {
    await this.#screen.write(this.#form.headings);
    return this;
  }

  async write(key: Bytes, value: Bytes): Promise<null> {
    await this.#screen.write(this.#form.row(key, value));
    return null;
  }

  finish(): Promise<void> {
    return this.#screen.flush();
  }

  async abandon(): Promise<void> {}
}

/** Opens the target for writing. @throws Interrupted if the signal comes while it waits for the reader of a pipe */
export function openOutput(target: FileTarget, env: Env, signal: AbortSignal): Promise<ByteOutput> {
  if (target.kind !== 'file') return openDirect(target, env, signal);
  const { old } = target;
  return Replacement.open({ env, path: Buffer.from(target.path), old, copies: true, syncs: true });
}

export class TextSink implements RowSink {
  readonly #name: string;
  readonly #form: TextForm;
  readonly #output: ByteOutput;
  #buffered: string;

  /** @param name names the target in messages */
  constructor(name: string, form: TextForm, output: ByteOutput) {
    this.#name = name;
    this.#form = form;
    this.#output = output;
    this.#buffered = form.headings;
  }

  async write(key: Bytes, value: Bytes): Promise<null> {
    this.#buffered += this.#form.row(key, value);
    if (this.#buffered.length >= BUFFER_CHARACTERS) await this.#flush();
    return null;
  }

  async finish(): Promise<void> {
    await this.#flush();
    await namingFile(this.#name, () => this.#output.finish());
  }

  abandon(): Promise<void> {
    return this.#output.abandon();
  }

  async #flush(): Promise<void> {
    const text = this.#buffered;
    this.#buffered = '';
    await namingFile(this.#name, () => this.#output.write(toBytes(text)));
  }
}
