// Counts how often each branch of the rules (rules.ts) has run, with V8's code coverage. So the product needs no hooks, and what
// is counted is the code that a mutant would break. Runs are a quarter slower, because V8 optimizes less while it counts.

import { readFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { present } from '../../common/base/assert.ts';
import { BRANCHES, type Branch } from './rules.ts';

const PRODUCT = new URL('../../', import.meta.url);

interface Spot {
  readonly name: string;
  readonly url: string;
  /** Offset of the last character of the branch's text in the compiled file. */
  readonly at: number;
  readonly but: number | null;
}

/** The offset of the last character of `text` in `source`, ignoring spaces. Throws unless `text` is there exactly once. */
export function endOf(text: string, source: string, file: string): number {
  const offsets: number[] = [];
  let bare = '';
  for (let at = 0; at < source.length; at++) {
    const char = source.charAt(at);
    if (char.trim() === '') continue;
    bare += char;
    offsets.push(at);
  }
  const wanted = text.replace(/\s/g, '');
  const first = bare.indexOf(wanted);
  if (first < 0 || bare.indexOf(wanted, first + 1) >= 0) throw new Error(`${file}: not once: ${text}`);
  return present(offsets[first + wanted.length - 1], 'an offset');
}

/** Throws if the product does not contain the branch's text exactly once. */
export function findSpot({ name, file, text, but }: Branch): Spot {
  const url = new URL(file, PRODUCT);
  const source = readFileSync(fileURLToPath(url), 'utf8');
  return {
    name,
    url: url.href,
    at: endOf(text, source, file),
    but: but === undefined ? null : endOf(but, source, file),
  };
}

export class RuleCounters {
  readonly #session = new Session();
  readonly #spots: readonly Spot[] = BRANCHES.map(findSpot);

  /** Must be called before any code of the product runs: code that was compiled before is not counted. */
  async start(): Promise<void> {
    this.#session.connect();
    await this.#post((done) => this.#session.post('Profiler.enable', done));
    const precise = { callCount: true, detailed: true };
    await this.#post((done) => this.#session.post('Profiler.startPreciseCoverage', precise, done));
  }

  /** How often each branch has run since the last call, by the names of branches. */
  async take(): Promise<ReadonlyMap<string, number>> {
    const { result } = await this.#post<Profiler.TakePreciseCoverageReturnType>((done) =>
      this.#session.post('Profiler.takePreciseCoverage', done),
    );
    const scripts = new Map(result.map(({ url, functions }) => [url, functions]));
    return new Map(
      this.#spots.map(({ name, url, at, but }) => {
        const functions = scripts.get(url) ?? [];
        return [name, countAt(functions, at) - (but === null ? 0 : countAt(functions, but))];
      }),
    );
  }

  #post<T = void>(send: (done: (error: Error | null, result: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      send((error, result) => (error === null ? resolve(result) : reject(error)));
    });
  }
}

/** Started counters if `countRules` is set, otherwise undefined. */
export async function countersFor({
  countRules,
}: {
  readonly countRules: boolean;
}): Promise<RuleCounters | undefined> {
  if (!countRules) return undefined;
  const rules = new RuleCounters();
  await rules.start();
  return rules;
}

/** The count of the smallest of V8's ranges around an offset. */
function countAt(functions: readonly Profiler.FunctionCoverage[], at: number): number {
  let count = 0;
  let size = Number.POSITIVE_INFINITY;
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count: here } of ranges) {
      if (at < startOffset || at >= endOffset || endOffset - startOffset >= size) continue;
      size = endOffset - startOffset;
      count = here;
    }
  }
  return count;
}
