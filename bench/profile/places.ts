// Where code of a profile comes from: files below dist/ are told as the sources that they were compiled from, with the source's
// line; packages by name; Node's own modules and native functions as themselves.

import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { SourceMap } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locate, Place } from './attribution.ts';

type Frame = Profiler.ProfileNode['callFrame'];

/** The line, from 1, in the source of what stands there in a compiled file; null where nothing tells. */
export type LineOf = (url: string, line: number, column: number) => number | null;

/** `root`: the URL of the folder that dist/ and node_modules/ are in. */
export function locator(root: string, lineOf: LineOf): Locate {
  return (frame) => placeOf(frame, root, lineOf);
}

function placeOf({ url, lineNumber, columnNumber }: Frame, root: string, lineOf: LineOf): Place {
  if (url === '') return { group: 'native calls', where: '' };
  if (url.startsWith('node:')) return { group: 'node', where: `${url}:${lineNumber + 1}` };
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(url);
  if (inPackage !== null) {
    const [, name = '', file = ''] = inPackage;
    return { group: name, where: `${name}/${file}:${lineNumber + 1}` };
  }
  const compiled = `${root}dist/`;
  if (!url.startsWith(compiled))
    return { group: 'else', where: `${url.split('/').at(-1)}:${lineNumber + 1}` };
  const source = url.slice(compiled.length).replace(/\.js$/, '.ts');
  const line = lineOf(url, lineNumber, columnNumber) ?? lineNumber + 1;
  return { group: dirname(source), where: `${source}:${line}` };
}

/** By the source maps beside the compiled files, each read once. */
export function mappedLines(): LineOf {
  const maps = new Map<string, SourceMap | null>();
  return (url, line, column) => {
    let map = maps.get(url);
    if (map === undefined) {
      map = readMap(url);
      maps.set(url, map);
    }
    const entry = map?.findEntry(line, column);
    return entry !== undefined && 'originalLine' in entry ? entry.originalLine + 1 : null;
  };
}

function readMap(url: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
  } catch {
    return null;
  }
}
