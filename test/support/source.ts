// The project's sources as data, for tidy.test.ts: each file's code with comments and the contents of strings replaced by blanks
// (of the same length, so that offsets and line numbers stay valid), its strings, its comments and its imports. This is a small
// scanner, not a parser. It recognises comments, strings, templates and regular expressions, which is all that the rules need.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Quoted {
  readonly text: string;
  readonly line: number;
}

export interface Import {
  /** As written: `./source.ts`, `node:fs`, `ws`. */
  readonly specifier: string;
  readonly line: number;
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean;
  /** The text between `import` and `from`; empty for `import('x')`. */
  readonly clause: string;
  /** `new URL('./x', import.meta.url)`: a file that is run or read, not a module. */
  readonly isUrl: boolean;
}

export interface Source {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the contents of strings blanked. */
  readonly code: string;
  readonly strings: readonly Quoted[];
  readonly comments: readonly Quoted[];
  readonly imports: readonly Import[];
}

/** The project's folder. Compiled tests are in dist/test/support. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.rangekeeper']);

/** Paths of all files of the project, from its root. */
export function projectFiles(folder = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return projectFiles(path);
    return entry.isFile() ? [relative(ROOT, path).split(sep).join('/')] : [];
  });
}

/** All TypeScript and JavaScript of the project. */
export function projectSources(): Source[] {
  return projectFiles()
    .filter((path) => /\.(ts|tsx|js|mjs)$/.test(path))
    .map((path) => scan(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** A file that people read. */
export interface Text {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** What is written for people: the comments of a program, nothing in JSON, everything in any other file. */
  readonly prose: readonly Quoted[];
}

const READ_BY_PEOPLE =
  /\.(ts|tsx|js|cjs|mjs|json|md|css|html|proto|ya?ml|sh)$|(^|\/)(Dockerfile|LICENSE|run|\.npmrc|\.dockerignore|\.gitignore)$/;

/** All files of the project that people read. @param sources the scanned programs of the project */
export function projectTexts(sources: readonly Source[]): Text[] {
  const programs = new Map(sources.map((source) => [source.path, source]));
  return projectFiles()
    .filter((path) => READ_BY_PEOPLE.test(path))
    .map((path) => {
      const source = programs.get(path);
      return source === undefined ? plainText(path, readFileSync(join(ROOT, path), 'utf8')) : textOf(source);
    });
}

export function textOf({ path, text, comments }: Source): Text {
  return { path, text, prose: comments };
}

export function plainText(path: string, text: string): Text {
  return { path, text, prose: path.endsWith('.json') ? [] : [{ text, line: 1 }] };
}

export function scan(path: string, text: string): Source {
  const scanner = new Scanner(text);
  const code = scanner.run();
  const { strings, comments } = scanner;
  return { path, text, code, strings, comments, imports: importsOf(text, code) };
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** The path of the file that a relative import names, from the project's root; null for a package. */
export function targetOf(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : null;
}

/** `@scope/name/deep` → `@scope/name`; null for a relative import and for node's own modules. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return null;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? null);
}

const STATIC_IMPORT = /\b(?:import|export)\s+(type\s+)?([\w*{}\s,$]*?)\bfrom\s*(['"])/g;
const BARE_IMPORT = /\bimport\s*\(?\s*(['"])/g;
const URL_IMPORT = /\bnew URL\(\s*(['"])/g;

function importsOf(text: string, code: string): Import[] {
  const found: Import[] = [];
  const take = (
    match: RegExpExecArray,
    quote: string,
    form: Pick<Import, 'typeOnly' | 'clause' | 'isUrl'>,
  ): void => {
    const start = match.index + match[0].length;
    const specifier = text.slice(start, text.indexOf(quote, start));
    found.push({ specifier, line: lineAt(text, match.index), ...form });
  };
  const plain = { typeOnly: false, clause: '', isUrl: false };
  for (const match of code.matchAll(STATIC_IMPORT)) {
    const [, type, clause = '', quote = "'"] = match;
    take(match, quote, { typeOnly: type !== undefined, clause: clause.trim(), isUrl: false });
  }
  for (const match of code.matchAll(BARE_IMPORT)) take(match, match[1] ?? "'", plain);
  for (const match of code.matchAll(URL_IMPORT)) take(match, match[1] ?? "'", { ...plain, isUrl: true });
  return found;
}

/** After these tokens a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|yield|await))\s*$/;

class Scanner {
  readonly strings: Quoted[] = [];
  readonly comments: Quoted[] = [];
  readonly #text: string;
  #code = '';
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): string {
    this.#scanCode(false);
    return this.#code;
  }

  /** Scans up to the end, or up to the brace that closes a `${`. */
  #scanCode(inTemplate: boolean): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      const two = this.#text.slice(this.#at, this.#at + 2);
      if (two === '//') this.#hideComment(this.#indexOrEnd('\n'));
      else if (two === '/*') this.#hideComment(this.#indexOrEnd('*/') + 2);
      else if (char === "'" || char === '"') this.#scanString(char);
      else if (char === '`') this.#scanTemplate();
      else if (char === '/' && BEFORE_REGEX.test(this.#code.slice(-40))) this.#scanRegex();
      else {
        if (char === '{') depth++;
        if (char === '}' && inTemplate && depth === 0) return;
        if (char === '}') depth--;
        this.#show();
      }
    }
  }

  #scanString(quote: string): void {
    const start = this.#at;
    this.#show();
    while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== quote) this.#hideOne();
    this.strings.push({ text: this.#text.slice(start + 1, this.#at), line: lineAt(this.#text, start) });
    this.#show();
  }

  /** Takes the text up to the first `${` for the string, which is enough to know how a path begins. */
  #scanTemplate(): void {
    const start = this.#at;
    this.#show();
    let end: number | null = null;
    while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== '`') {
      if (!this.#text.startsWith('${', this.#at)) {
        this.#hideOne();
        continue;
      }
      end ??= this.#at;
      this.#show();
      this.#show();
      this.#scanCode(true);
      this.#show();
    }
    this.strings.push({
      text: this.#text.slice(start + 1, end ?? this.#at),
      line: lineAt(this.#text, start),
    });
    this.#show();
  }

  #scanRegex(): void {
    let inClass = false;
    this.#show();
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      if (char === '\n' || (char === '/' && !inClass)) break;
      if (char === '[') inClass = true;
      if (char === ']') inClass = false;
      this.#hideOne();
    }
    this.#show();
  }

  #hideComment(end: number): void {
    this.comments.push({ text: this.#text.slice(this.#at, end), line: lineAt(this.#text, this.#at) });
    this.#hideTo(end);
  }

  #indexOrEnd(what: string): number {
    const index = this.#text.indexOf(what, this.#at);
    return index < 0 ? this.#text.length : index;
  }

  #show(): void {
    this.#code += this.#text.charAt(this.#at);
    this.#at++;
  }

  /** Hides one character, or a backslash with the character that it escapes. */
  #hideOne(): void {
    this.#hideTo(this.#at + (this.#text.charAt(this.#at) === '\\' ? 2 : 1));
  }

  #hideTo(end: number): void {
    this.#code += this.#text.slice(this.#at, end).replace(/[^\n]/g, ' ');
    this.#at = Math.min(end, this.#text.length);
  }
}
