// Indents JSON without changing it: numbers, strings and the order and number of fields stay as they are written, which
// JSON.parse and JSON.stringify would not promise.

import { isJson } from '../json-word.ts';

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const INDENT = '  ';

/** `text`, indented; null: it is not JSON. */
export function indentedJson(text: string): string | null {
  if (!isJson(text)) return null;
  const tokens = text.match(TOKEN) ?? [];
  let out = '';
  let depth = 0;
  tokens.forEach((token, i) => {
    const isEmpty = isClosing(token) && isOpening(tokens[i - 1]);
    if (isClosing(token)) depth--;
    if (isClosing(token) && !isEmpty) out += line(depth);
    out += token === ':' ? ': ' : token;
    if (isOpening(token)) depth++;
    if (token === ',' || (isOpening(token) && !isClosing(tokens[i + 1]))) out += line(depth);
  });
  return out;
}

function line(depth: number): string {
  return `\n${INDENT.repeat(depth)}`;
}

function isOpening(token: string | undefined): boolean {
  return token === '{' || token === '[';
}

function isClosing(token: string | undefined): boolean {
  return token === '}' || token === ']';
}
