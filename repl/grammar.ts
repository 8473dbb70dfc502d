// The language of the prompt, of `-e`, `-f` and of piped input, read into words. Nothing here knows a verb.
//
//   script  = [ command ] { ( ";" | newline ) [ command ] }
//   command = word { blank word }              a command that starts with # is a comment, up to the end of its line
//   word    = { plain | "'" literal "'" | '"' quoted '"' }        its parts are joined: a'b c'"d" is one word
//
// Outside '…' a backslash escapes: \xNN \\ \n \r \t are bytes, and before a blank ; # " ' it takes away what they
// mean. Inside '…' every character stands for itself. A newline inside quotes belongs to the word.

/** `text` is the word in the text form of common/base/bytes.ts: its escapes are still to be read by parseBytes. */
export interface Word {
  readonly text: string;
  /** Whether it began outside quotes: only such a word can be an option. */
  readonly plain: boolean;
  /** Its place in the text read: [from, to). */
  readonly from: number;
  readonly to: number;
}

export interface Command {
  readonly words: readonly Word[];
  /** Number of its first line in the text read, from 1. */
  readonly line: number;
}

export interface Reading {
  readonly commands: readonly Command[];
  /** The quote that is still open at the end of the text, so that more must be read; the last command holds its word. */
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

  /** One command and the separator behind it. */
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

  /** Behind a backslash: an escape that parseBytes is to read stays one, any other mark loses its meaning. */
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

/** A word that reads back as `text`, itself in the text form, in double quotes where it needs any. */
export function quoteWord(text: string): string {
  return text === '' || /[\s;"'#]|^--/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}
