// Parses the language of the prompt, of `-e`, of `-f` and of piped input into words. It knows no verbs.
//
//   script  = [ command ] { ( ";" | newline ) [ command ] }
//   command = word { blank word }              a command that starts with # is a comment, up to the end of its line
//   word    = { plain | "'" literal "'" | '"' quoted '"' }        its parts are joined: a'b c'"d" is one word
//
// Outside '…' a backslash escapes: \xNN \\ \n \r \t are bytes, and before a blank or one of ; # " ' it takes away the special
// meaning of that character. Inside '…' every character stands for itself. A newline inside quotes belongs to the word.

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
}

export interface Reading {
  readonly commands: readonly Command[];
  /** The quote that is still open at the end of the text, so that more text must follow; null: none is open. */
  readonly open: '"' | "'" | null;
}

const ESCAPES_OF_BYTES = new Set(['x', '\\', 'n', 'r', 't']);

export function readCommands(text: string): Reading {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #open: '"' | "'" | null = null;

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
    this.#skipBlanks();
    const line = this.#line;
    if (this.#peek() === '#') this.#skipLine();
    while (this.#at < this.#text.length && !isSeparator(this.#peek())) {
      words.push(this.#word());
      this.#skipBlanks();
    }
    this.#next();
    return { words, line };
  }

  #word(): Word {
    const from = this.#at;
    const plain = this.#peek() !== '"' && this.#peek() !== "'";
    let text = '';
    while (this.#at < this.#text.length && !isBlank(this.#peek()) && !isSeparator(this.#peek())) {
      const character = this.#next();
      if (character === '"') text += this.#quoted();
      else if (character === "'") text += this.#literal();
      else text += character === '\\' ? this.#escape() : character;
    }
    return { text, plain, from, to: this.#at };
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
    const literal = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#line += literal.split('\n').length - 1;
    this.#at = end < 0 ? this.#text.length : end + 1;
    return literal.replaceAll('\\', '\\\\');
  }

  /** Reads what follows a backslash. An escape for parseBytes stays an escape; a special character becomes plain. */
  #escape(): string {
    const mark = this.#peek();
    if (ESCAPES_OF_BYTES.has(mark)) return `\\${this.#next()}`;
    if (mark === '"' || mark === "'" || mark === ';' || mark === '#' || isBlank(mark)) return this.#next();
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

function isSeparator(character: string): boolean {
  return character === ';' || character === '\n';
}

/** Quotes `text`, which is in the text form, with double quotes if it needs them, so that it parses as one word. */
export function quoteWord(text: string): string {
  return text === '' || /[\s;"'#]|^--/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}
