// The prompt. Commands run one at a time, in the order typed; Ctrl-C stops the one that runs, else throws away the line,
// and twice on an empty line leaves with 130; Ctrl-D and `exit` leave with 0. The prompt is drawn on stderr: stdout holds
// nothing but answers, here too.

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
  readonly namespace: string;
  /** Null: none is kept. */
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
  /** Lines typed and not yet run. */
  readonly #lines: string[] = [];
  /** Lines of a command whose quote is still open. */
  #begun = '';
  #running: AbortController | null = null;
  #exit: number | null = null;
  #wake: () => void = () => {};
  /** Whether the last thing typed was Ctrl-C on an empty line. */
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
        await this.#take(line);
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
    this.#reader.setPrompt(this.#begun === '' ? `${this.#terminal.namespace}> ` : '... ');
    this.#reader.prompt();
  }

  /** `exit`, Ctrl-D (lines typed before it still run), or a signal (they do not). */
  #leave(code: number): void {
    // What follows on the terminal starts on a line of its own.
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
    } else if (this.#reader.line !== '' || this.#begun !== '') {
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
    this.#begun = '';
    this.#reader.write(null, { ctrl: true, name: 'e' });
    this.#terminal.output.write('^C\n');
    this.#reader.write(null, { ctrl: true, name: 'u' });
    this.#prompt();
  }

  async #take(line: string): Promise<void> {
    this.#begun = this.#begun === '' ? line : `${this.#begun}\n${line}`;
    const { commands, open } = readCommands(this.#begun);
    if (line.trim() !== '' && this.#terminal.historyPath !== null)
      await saveToHistory(this.#terminal.historyPath, line);
    if (open !== null) return;
    this.#begun = '';
    const running = new AbortController();
    this.#running = running;
    try {
      for (const command of commands) {
        const code = await execute(this.#session, bindCommand(this.#session.verbs, command), running.signal);
        if (code === null) this.#finish();
        if (code !== 0) break;
      }
    } catch (error) {
      if (error instanceof OutputClosed) this.#leave(EXIT.failed);
      else this.#session.screen.say(describeError(error));
    } finally {
      this.#running = null;
    }
  }

  #finish(): void {
    this.#lines.length = 0;
    this.#leave(EXIT.ok);
  }
}
