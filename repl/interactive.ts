// The prompt. Commands run one at a time, in the order typed. Ctrl-C stops the running command; if none runs, it discards the
// line, and pressed twice on an empty line it leaves with exit code 130. Ctrl-D and `exit` leave with 0. The prompt is written
// to stderr, so that stdout holds only answers.

import { createInterface, type Interface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { EXIT } from '../common/process/exit.ts';
import type { MaybeTerminal } from '../common/process/terminal-text.ts';
import { visibleLine } from '../common/process/visible.ts';
import { complete } from './completion.ts';
import { bindCommand, execute } from './execute.ts';
import { describeError, OutputClosed } from './failures.ts';
import { readCommands } from './grammar.ts';
import { HISTORY_ENTRIES_MAX, loadHistory, saveToHistory } from './history.ts';
import { KeyPager } from './pager.ts';
import type { Session } from './session.ts';

export interface Terminal {
  readonly input: Readable & MaybeTerminal;
  readonly output: Writable;
  /** Null: no history is kept. */
  readonly historyPath: string | null;
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
}

export async function runInteractive(session: Session, terminal: Terminal): Promise<number> {
  if (terminal.historyPath === null)
    session.screen.say('no home directory: the commands of this session are not kept for the next one');
  const history = terminal.historyPath === null ? [] : await loadHistory(terminal.historyPath);
  const reader = createInterface({
    input: terminal.input,
    output: terminal.output,
    terminal: true,
    history,
    historySize: HISTORY_ENTRIES_MAX,
    removeHistoryDuplicates: true,
    completer: (line: string) => prompt.complete(line),
  });
  const prompt = new Prompt(session, terminal, reader);
  try {
    return await prompt.run();
  } finally {
    reader.close();
  }
}

/** The prompt of a line that goes on with the one before. */
const MORE = '... ';

class Prompt {
  readonly #session: Session;
  readonly #terminal: Terminal;
  readonly #reader: Interface;
  /** What was typed and has not run yet: each a line, or several if quotes or JSON go on. */
  readonly #inputs: string[] = [];
  /** The lines so far of an input that goes on in the next line. */
  #incomplete = '';
  /** The history of the reader, newest first; null: nothing was typed yet. */
  #history: string[] | null = null;
  #running: AbortController | null = null;
  /** Gets the next line, which answers a question of the running command; null: none was asked. */
  #answer: ((line: string) => void) | null = null;
  #exit: number | null = null;
  #wake: () => void = () => {};
  /** Whether the last input was Ctrl-C on an empty line. */
  #warned = false;

  constructor(session: Session, terminal: Terminal, reader: Interface) {
    this.#terminal = terminal;
    this.#reader = reader;
    const pager = new KeyPager(terminal.input, terminal.output, () => this.#interrupt());
    const isSeen = terminal.input.isTTY === true && session.screen.width !== null;
    this.#session = { ...session, pager: isSeen ? pager : null, question: (text) => this.#question(text) };
    reader.on('line', (line) => this.#takeLine(line));
    reader.on('history', (entries) => {
      this.#history = entries;
    });
    reader.on('SIGINT', () => this.#interrupt());
    reader.on('close', () => this.#leave(EXIT.ok));
    const stop = () => this.#leave(EXIT.interrupted);
    if (terminal.signal.aborted) stop();
    terminal.signal.addEventListener('abort', stop, { once: true });
  }

  complete(line: string): Promise<[string[], string]> {
    return complete(this.#session, line, this.#incomplete === '' ? '' : `${this.#incomplete}\n`);
  }

  async run(): Promise<number> {
    this.#prompt();
    while (true) {
      const input = this.#inputs.shift();
      if (input !== undefined) {
        await this.#runInput(input);
        if (this.#exit === null) this.#promptOrEcho();
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
    this.#reader.setPrompt(this.#incomplete === '' ? this.#promptText() : MORE);
    this.#reader.prompt();
  }

  #promptText(): string {
    return `${visibleLine(this.#session.namespace())}> `;
  }

  /** A line that was typed ahead was drawn above the answers before it. It is shown again where its own answer follows. */
  #promptOrEcho(): void {
    const [next] = this.#inputs;
    if (next === undefined) return this.#prompt();
    const lines = next.split('\n').map(visibleLine);
    this.#terminal.output.write(`${this.#promptText()}${lines.join(`\n${MORE}`)}\n`);
  }

  /** Ends the session: for `exit`, for Ctrl-D (lines typed before still run), or for a signal (they do not). */
  #leave(code: number): void {
    // So that later output on the terminal starts on a new line.
    if (this.#exit === null && this.#running === null) this.#terminal.output.write('\n');
    if (code === EXIT.interrupted) {
      this.#inputs.length = 0;
      this.#running?.abort();
    }
    this.#exit ??= code;
    this.#wake();
  }

  #interrupt(): void {
    if (this.#running !== null) {
      this.#inputs.length = 0;
      this.#incomplete = '';
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

  /** The next line that is typed. It is kept in no history. */
  #question(text: string): Promise<string> {
    this.#reader.setPrompt(visibleLine(text));
    this.#reader.prompt();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #takeLine(line: string): void {
    const answer = this.#answer;
    if (answer !== null) {
      this.#answer = null;
      if (this.#history?.[0] === line) this.#history.shift();
      return answer(line);
    }
    this.#warned = false;
    const earlier = this.#incomplete;
    this.#incomplete = earlier === '' ? line : `${earlier}\n${line}`;
    if (earlier !== '') this.#joinHistory(earlier, line);
    if (readCommands(this.#incomplete).open === null) {
      this.#inputs.push(this.#incomplete);
      this.#incomplete = '';
      this.#wake();
    } else if (this.#running === null && this.#exit === null) this.#prompt();
  }

  /** An input of several lines is one entry of the history. The reader has added its last line as an entry of its own. */
  #joinHistory(earlier: string, line: string): void {
    const history = this.#history ?? [];
    if (history[0] === line && line !== earlier) history.shift();
    if (history[0] === earlier) history.shift();
    history.unshift(this.#incomplete);
  }

  async #runInput(input: string): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    const { historyPath } = this.#terminal;
    try {
      if (input.trim() !== '' && historyPath !== null) await saveToHistory(historyPath, input);
      for (const command of readCommands(input).commands) {
        const code = await execute(this.#session, bindCommand(this.#session.verbs, command), running.signal);
        if (code === null) this.#exitNow();
        if (code !== 0) break;
      }
    } catch (error) {
      if (error instanceof OutputClosed) this.#leave(EXIT.readerGone);
      else this.#session.screen.say(describeError(error));
    } finally {
      this.#running = null;
      this.#answer = null;
    }
  }

  /** Leaves without running the lines that were typed ahead. */
  #exitNow(): void {
    this.#inputs.length = 0;
    this.#leave(EXIT.ok);
  }
}
