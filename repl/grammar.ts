// Parses the language of the prompt, of `-e`, of `-f` and of piped input into words. It knows no verbs.
//
//   script  = [ command ] { ( ";" | newline ) [ command ] }
//   command = word { blank word }              a command that starts with # is a comment, up to the end of its line
//   word    = plain | quotes | json | "--" name "=" quotes
//   quotes  = "'" literal "'" | '"' quoted '"'
//   json    = a JSON object or array, taken exactly as it is typed (json-word.ts)
//
// Outside '…' and JSON a backslash escapes: \xNN \\ \n \r \t are bytes, and before a blank or one of ; # " ' it takes away the
// special meaning of that character. Inside '…' and JSON every character stands for itself. A newline inside quotes or JSON belongs
// to the word.
//
// Quotes stand around a whole word. A command with a quote inside a plain word, or with text right after a closing quote, is
// refused, because it could only be stored without its quotes. So is one with what looks like JSON and is not. It takes the rest of
// its line.

import { never } from '../common/base/assert.ts';
import { jsonWordAt } from './json-word.ts';

/** `text` is the word in the text form of common/base/bytes.ts: parseBytes must still decode its escapes. */
export interface Word {
  readonly text: string;
  /** Whether it begins outside quotes. Only such a word can be an option. */
  readonly plain: boolean;
  /** Its place in the text: [from, to). */
  readonly from: number;
  readonly to: number;
}

export interface Command {
  readonly words: readonly Word[];
  /** Number of its first line in the text, from 1. */
  readonly line: number;
  /** Why it must not run; null: its form is right so far. */
  readonly fault: string | null;
}

/** What begins a word that may go on in the next line. */
export type Opening = '"' | "'" | '{' | '[';

export interface Reading {
  readonly commands: readonly Command[];
  /** What is still open at the end of the text, so that more text must follow; null: nothing is. */
  readonly open: Opening | null;
}

const NEAR_LENGTH_MAX = 40;
const WHOLE_WORD = `quotes go around a whole word, as in "it's" or '{"a": 1}'`;
const ESCAPES_OF_BYTES = new Set(['x', '\\', 'n', 'r', 't']);

export function readCommands(text: string): Reading {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #open: Opening | null = null;
  /** What is wrong with the command that is being read. */
  #fault: string | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Reading {
    const commands: Command[] = [];
    while (this.#at < this.#text.length) {
      const command = this.#command();
      if (command.words.length > 0) commands.push(command);
    }
    return { commands, open: this.#open };
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    const character = this.#peek();
    if (character === '\n') this.#line++;
    this.#at++;
    return character;
  }

  /** Reads one command and the separator after it. */
  #command(): Command {
    const words: Word[] = [];
    this.#fault = null;
    this.#skipBlanks();
    const line = this.#line;
    if (this.#peek() === '#') this.#skipLine();
    while (this.#fault === null && this.#at < this.#text.length && !isSeparator(this.#peek())) {
      words.push(this.#word());
      this.#skipBlanks();
    }
    if (this.#fault !== null) this.#skipLine();
    this.#next();
    return { words, line, fault: this.#fault };
  }

  #word(): Word {
    const from = this.#at;
    const plain = !isQuote(this.#peek());
    let text = this.#json() ?? this.#plain();
    if (isQuote(this.#peek()) && (!plain || /^--[^=]+=$/.test(text))) {
      text += this.#next() === '"' ? this.#quoted() : this.#literal();
    }
    const word = { text, plain, from, to: this.#at };
    if (!this.#isAtWordEnd())
      this.#fault ??= `${WHOLE_WORD}, and would be lost inside one: ${this.#near(word)}`;
    return word;
  }

  #isAtWordEnd(): boolean {
    return this.#at >= this.#text.length || isBlank(this.#peek()) || isSeparator(this.#peek());
  }

  /** How the word begins, for a message. */
  #near({ from }: Pick<Word, 'from'>): string {
    return /^[^\s;]+/.exec(this.#text.slice(from, from + NEAR_LENGTH_MAX))?.[0] ?? '';
  }

  /** Reads the JSON that begins here; null: none does. */
  #json(): string | null {
    const found = jsonWordAt(this.#text, this.#at);
    switch (found.kind) {
      case 'none':
        return null;
      case 'open':
        this.#open = this.#peek() === '{' ? '{' : '[';
        return this.#exactly(this.#text.length);
      case 'broken':
        this.#fault = `this is no JSON, and ${WHOLE_WORD}: ${this.#near({ from: this.#at })}`;
        return this.#exactly(found.end);
      case 'complete':
        return this.#exactly(found.end);
      default:
        return never(found);
    }
  }

  #plain(): string {
    let text = '';
    while (!this.#isAtWordEnd() && !isQuote(this.#peek())) {
      const character = this.#next();
      text += character === '\\' ? this.#escape() : character;
    }
    return text;
  }

  #quoted(): string {
    let text = '';
    while (this.#at < this.#text.length) {
      const character = this.#next();
      if (character === '"') return text;
      text += character === '\\' ? this.#escape() : character;
    }
    this.#open = '"';
    return text;
  }

  #literal(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) this.#open = "'";
    const literal = this.#exactly(end < 0 ? this.#text.length : end);
    if (end >= 0) this.#at++;
    return literal;
  }

  /** Reads up to `end`. Every character stands for itself. */
  #exactly(end: number): string {
    const text = this.#text.slice(this.#at, end);
    this.#line += text.split('\n').length - 1;
    this.#at = end;
    return text.replaceAll('\\', '\\\\');
  }

  /** Reads what follows a backslash. An escape for parseBytes stays an escape; a special character becomes plain. */
  #escape(): string {
    const mark = this.#peek();
    if (ESCAPES_OF_BYTES.has(mark)) return `\\${this.#next()}`;
    // A carriage return belongs to the end of a line, and no line end can be escaped.
    if (mark !== '\r' && (isQuote(mark) || mark === ';' || mark === '#' || isBlank(mark)))
      return this.#next();
    return '\\';
  }

  #skipBlanks(): void {
    while (isBlank(this.#peek())) this.#at++;
  }

  #skipLine(): void {
    while (this.#at < this.#text.length && this.#peek() !== '\n') this.#at++;
  }
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\r';
}

function isQuote(character: string): boolean {
  return character === '"' || character === "'";
}

function isSeparator(character: string): boolean {
  return character === ';' || character === '\n';
}

/** Quotes `text`, which is in the text form, with double quotes if it needs them, so that it parses as one word. */
export function quoteWord(text: string): string {
  return text === '' || /[\s;"'#]|^(?:--|[{[])/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}
