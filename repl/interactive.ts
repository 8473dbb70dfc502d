// The prompt. Commands run one at a time, in the order typed. Ctrl-C stops the running command; if none runs, it discards the
// line, and pressed twice on an empty line it leaves with exit code 130. Ctrl-D and `exit` leave with 0. The prompt is written
// to stderr, so that stdout holds only answers.

import { createInterface, type Interface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { EXIT } from '../common/process/exit.ts';
import { complete } from './completion.ts';
import { bindCommand, execute } from './execute.ts';
import { describeError, OutputClosed } from './failures.ts';
import { readCommands } from './grammar.ts';
import { HISTORY_LINES_MAX, loadHistory, saveToHistory } from './history.ts';
import type { Session } from './session.ts';

export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Null: no history is kept. */
  readonly historyPath: string | null;
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
}

export async function runInteractive(session: Session, terminal: Terminal): Promise<number> {
  const history = terminal.historyPath === null ? [] : await loadHistory(terminal.historyPath);
  const reader = createInterface({
    input: terminal.input,
    output: terminal.output,
    terminal: true,
    history,
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(session, line),
  });
  try {
    return await new Prompt(session, terminal, reader).run();
  } finally {
    reader.close();
  }
}

class Prompt {
  readonly #session: Session;
  readonly #terminal: Terminal;
  readonly #reader: Interface;
  /** Lines that were typed and have not run yet. */
  readonly #lines: string[] = [];
  /** The lines so far of a command whose quote is still open. */
  #incomplete = '';
  #running: AbortController | null = null;
  #exit: number | null = null;
  #wake: () => void = () => {};
  /** Whether the last input was Ctrl-C on an empty line. */
  #warned = false;

  constructor(session: Session, terminal: Terminal, reader: Interface) {
    this.#session = session;
    this.#terminal = terminal;
    this.#reader = reader;
    reader.on('line', (line) => {
      this.#warned = false;
      this.#lines.push(line);
      this.#wake();
    });
    reader.on('SIGINT', () => this.#interrupt());
    reader.on('close', () => this.#leave(EXIT.ok));
    const stop = () => this.#leave(EXIT.interrupted);
    if (terminal.signal.aborted) stop();
    terminal.signal.addEventListener('abort', stop, { once: true });
  }

  async run(): Promise<number> {
    this.#prompt();
    while (true) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        await this.#takeLine(line);
        if (this.#exit === null) this.#prompt();
      } else if (this.#exit !== null) return this.#exit;
      else await this.#nextEvent();
    }
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #prompt(): void {
    this.#reader.setPrompt(this.#incomplete === '' ? `${this.#session.namespace()}> ` : '... ');
    this.#reader.prompt();
  }

  /** Ends the session: for `exit`, for Ctrl-D (lines typed before still run), or for a signal (they do not). */
  #leave(code: number): void {
    // So that later output on the terminal starts on a new line.
    if (this.#exit === null && this.#running === null) this.#terminal.output.write('\n');
    if (code === EXIT.interrupted) {
      this.#lines.length = 0;
      this.#running?.abort();
    }
    this.#exit ??= code;
    this.#wake();
  }

  #interrupt(): void {
    if (this.#running !== null) {
      this.#lines.length = 0;
      this.#running.abort();
    } else if (this.#reader.line !== '' || this.#incomplete !== '') {
      this.#clearLine();
    } else if (this.#warned) {
      this.#leave(EXIT.interrupted);
    } else {
      this.#warned = true;
      this.#session.screen.say('\n(Ctrl-C again, Ctrl-D or exit to leave)');
      this.#prompt();
    }
  }

  #clearLine(): void {
    this.#incomplete = '';
    this.#reader.write(null, { ctrl: true, name: 'e' });
    this.#terminal.output.write('^C\n');
    this.#reader.write(null, { ctrl: true, name: 'u' });
    this.#prompt();
  }

  async #takeLine(line: string): Promise<void> {
    this.#incomplete = this.#incomplete === '' ? line : `${this.#incomplete}\n${line}`;
    const { commands, open } = readCommands(this.#incomplete);
    if (line.trim() !== '' && this.#terminal.historyPath !== null)
      await saveToHistory(this.#terminal.historyPath, line);
    if (open !== null) return;
    this.#incomplete = '';
    const running = new AbortController();
    this.#running = running;
    try {
      for (const command of commands) {
        const code = await execute(this.#session, bindCommand(this.#session.verbs, command), running.signal);
        if (code === null) this.#exitNow();
        if (code !== 0) break;
      }
    } catch (error) {
      if (error instanceof OutputClosed) this.#leave(EXIT.failed);
      else this.#session.screen.say(describeError(error));
    } finally {
      this.#running = null;
    }
  }

  /** Leaves without running the lines that were typed ahead. */
  #exitNow(): void {
    this.#lines.length = 0;
    this.#leave(EXIT.ok);
  }
}
