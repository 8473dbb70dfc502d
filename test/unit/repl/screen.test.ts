// The screen itself: text that has no UTF-8 form, and a stdout that cannot be written to.

import { Writable } from 'node:stream';
import test from 'ava';
import { StreamScreen } from '../../../repl/screen.ts';

class Outlet extends Writable {
  written = '';
  readonly #code: string | null;

  /** @param code that of the error with which every write fails; null: none fails */
  constructor(code: string | null = null) {
    super();
    this.#code = code;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.written += chunk.toString();
    if (this.#code === null) done();
    else done(Object.assign(new Error(`${this.#code}: words of Node, write`), { code: this.#code }));
  }
}

test('half of a surrogate pair is written as an escape into a pipe, too', async (t) => {
  const out = new Outlet();
  const screen = new StreamScreen(out, new Outlet());
  await screen.write('zone \ud83d of \u{1f600}\x1b\n');
  await screen.flush();
  t.is(out.written, 'zone \\ud83d of \u{1f600}\x1b\n');
});

test('an error of stdout names it, and says what is wrong in words', async (t) => {
  const screen = new StreamScreen(new Outlet('ENOSPC'), new Outlet());
  await screen.write('a');
  await t.throwsAsync(screen.flush(), { message: 'stdout: no space left on device (ENOSPC)' });
});
