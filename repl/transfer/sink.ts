// Where exported rows are written: text to stdout, text to a file, or files in a tree (tree-writer.ts). An incomplete file is named
// `FILE.partial`. It gets its name when it is complete, so that nobody takes half an export for a complete one.

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Bytes } from '../../common/base/bytes.ts';
import type { Screen } from '../screen.ts';

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

export class FileSink implements RowSink {
  readonly #path: string;
  readonly #form: TextForm;
  readonly #file: FileHandle;
  #buffered: string;

  static async open(path: string, form: TextForm): Promise<FileSink> {
    return new FileSink(path, form, await open(partial(path), 'w'));
  }

  private constructor(path: string, form: TextForm, file: FileHandle) {
    this.#path = path;
    this.#form = form;
    this.#file = file;
    this.#buffered = form.headings;
  }

  async write(key: Bytes, value: Bytes): Promise<null> {
    this.#buffered += this.#form.row(key, value);
    if (this.#buffered.length >= BUFFER_CHARACTERS) await this.#flush();
    return null;
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#file.close();
    await rename(partial(this.#path), this.#path);
  }

  async abandon(): Promise<void> {
    await this.#file.close();
    await rm(partial(this.#path), { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#buffered;
    this.#buffered = '';
    await this.#file.writeFile(text);
  }
}

function partial(path: string): string {
  return `${path}.partial`;
}
