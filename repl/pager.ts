// Stops a long answer at each screenful, for a person at a prompt. Space or Enter shows the next one, q ends the answer.

import type { Readable, Writable } from 'node:stream';
import type { Bytes } from '../common/base/bytes.ts';
import { textWidth } from '../common/process/terminal-text.ts';
import type { Screen } from './screen.ts';

export interface Pager {
  /** Waits for a key. Resolves with whether more is wanted; with false if the signal aborts or the input ends. */
  more(signal: AbortSignal): Promise<boolean>;
}

/** Thrown by a write to a paged screen, to end an answer of which enough was seen. */
export class EnoughSeen extends Error {
  override readonly name = 'EnoughSeen';
}

export class PagedScreen implements Screen {
  readonly #screen: Screen;
  readonly #pager: Pager;
  readonly #signal: AbortSignal;
  #lines = 0;

  constructor(screen: Screen, pager: Pager, signal: AbortSignal) {
    this.#screen = screen;
    this.#pager = pager;
    this.#signal = signal;
  }

  get width(): number | null {
    return this.#screen.width;
  }

  get height(): number {
    return this.#screen.height;
  }

  async write(part: string): Promise<void> {
    for (const line of part.split(/(?<=\n)/)) {
      const lines = this.#linesOf(line);
      if (this.#lines > 0 && this.#lines + lines >= this.height) await this.#stop();
      this.#lines += lines;
      await this.#screen.write(line);
    }
  }

  writeExactly(part: Bytes): Promise<void> {
    return this.#screen.writeExactly(part);
  }

  flush(): Promise<void> {
    return this.#screen.flush();
  }

  say(message: string): void {
    this.#screen.say(message);
  }

  status(line: string): void {
    this.#screen.status(line);
  }

  /** How many lines of the terminal it takes. */
  #linesOf(line: string): number {
    return Math.max(1, Math.ceil(textWidth(line.trimEnd()) / (this.width ?? Number.POSITIVE_INFINITY)));
  }

  async #stop(): Promise<void> {
    await this.#screen.flush();
    if (!(await this.#pager.more(this.#signal))) throw new EnoughSeen();
    this.#lines = 0;
  }
}

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

type KeyListener = (text: string | undefined, key: Key) => void;

const MORE = '-- more: space or Enter; q ends --';
const ERASE_LINE = '\r\x1b[K';

/** Reads single keys from a terminal whose other keys a readline interface reads. */
export class KeyPager implements Pager {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #interrupt: () => void;

  /** @param interrupt called for Ctrl-C */
  constructor(input: Readable, output: Writable, interrupt: () => void) {
    this.#input = input;
    this.#output = output;
    this.#interrupt = interrupt;
  }

  more(signal: AbortSignal): Promise<boolean> {
    const input = this.#input;
    // Otherwise readline would take the key for a part of the next command.
    const others = input.listeners('keypress') as KeyListener[];
    input.removeAllListeners('keypress');
    this.#output.write(MORE);
    return new Promise((resolve) => {
      const done = (wanted: boolean) => {
        input.off('keypress', onKey).off('end', onEnd);
        signal.removeEventListener('abort', onEnd);
        for (const listener of others) input.on('keypress', listener);
        this.#output.write(ERASE_LINE);
        resolve(wanted);
      };
      const onEnd = () => done(false);
      const onKey: KeyListener = (_text, key) => {
        const wanted = wantsMore(key);
        if (wanted !== null) done(wanted);
        if (key.ctrl === true && key.name === 'c') this.#interrupt();
      };
      input.on('keypress', onKey).once('end', onEnd);
      signal.addEventListener('abort', onEnd, { once: true });
      if (signal.aborted) onEnd();
    });
  }
}

/** Null: the key means nothing here. */
function wantsMore({ name, ctrl }: Key): boolean | null {
  if (ctrl === true) return name === 'c' || name === 'd' ? false : null;
  if (name === 'space' || name === 'return' || name === 'enter') return true;
  return name === 'q' ? false : null;
}
