// Where exported rows go: text on stdout, text in a file, files in a tree. A file gets its name only when it is whole:
// until then it is `FILE.partial`, so that half an export is never taken for one.

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Bytes } from '../../common/base/bytes.ts';
import type { Screen } from '../screen.ts';

/** Why a row cannot be kept; null: it is. */
export type Refusal = string | null;

export interface RowSink {
  write(key: Bytes, value: Bytes): Promise<Refusal>;
  /** All rows are written. */
  finish(): Promise<void>;
  /** The export failed. */
  abandon(): Promise<void>;
}

/** The text of an export: headings, and a line a row. */
export interface TextForm {
  readonly headings: string;
  row(key: Bytes, value: Bytes): string;
}

const GATHER_CHARACTERS = 256 * 1024;

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
  #gathered: string;

  static async open(path: string, form: TextForm): Promise<FileSink> {
    return new FileSink(path, form, await open(partial(path), 'w'));
  }

  private constructor(path: string, form: TextForm, file: FileHandle) {
    this.#path = path;
    this.#form = form;
    this.#file = file;
    this.#gathered = form.headings;
  }

  async write(key: Bytes, value: Bytes): Promise<null> {
    this.#gathered += this.#form.row(key, value);
    if (this.#gathered.length >= GATHER_CHARACTERS) await this.#flush();
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
    const text = this.#gathered;
    this.#gathered = '';
    await this.#file.writeFile(text);
  }
}

function partial(path: string): string {
  return `${path}.partial`;
}
