// Where a range is cut: by sampled keys, inside the range, and never inside a unit.

import test from 'ava';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { LOAD_LIMITS } from '../../../common/model/load.ts';
import { boundNear, EACH_KEY, loadCut, type UnitOf } from '../../../coordinator/plan/load-decisions/cuts.ts';
import { throughFirst } from '../../../coordinator/plan/load-decisions/namespace-rules.ts';

const RANGE: KeyRange = { start: toBytes('b'), end: toBytes('y') };

/** Keys with one prefix up to the first `/` stay together. */
const byFolder = throughFirst(toBytes('/'));

/** `x*3 y`: the key x three times, and y. */
function samplesOf(text: string): readonly Uint8Array[] {
  return text.split(' ').flatMap((word) => {
    const [key = '', times = '1'] = word.split('*');
    return Array.from({ length: Number(times) }, () => toBytes(key));
  });
}

interface Case {
  readonly samples: string;
  readonly range?: KeyRange;
  readonly unitOf?: UnitOf;
  readonly pieces?: 2 | 3;
  /** Null: no cut. */
  readonly cuts: string | null;
}

const cases: Readonly<Record<string, Case>> = {
  'even keys: the one in the middle': { samples: 'c d e f g h i j', cuts: 'g' },
  'too few samples': { samples: 'c d e f g h i', cuts: null },
  'samples outside of the range do not count': { samples: 'a*8 c d e f g h i', cuts: null },
  'where the load is, not the keys': { samples: 'c d e p*4 q*4 r*4', cuts: 'q' },
  'the better half has a quarter': { samples: 'c*2 d*6', cuts: 'd' },
  'less than a quarter: the hot key is isolated': { samples: 'c d*7', cuts: 'd d\\x00' },
  'a hot key at the start needs one cut': { samples: 'b*8', cuts: 'b\\x00' },
  'a key that is alone already': {
    samples: 'd*8',
    range: { start: toBytes('d'), end: toBytes('d\x00') },
    cuts: null,
  },
  'a hot key before the last one of the range': { samples: 'xz*8', cuts: 'xz xz\\x00' },
  'thirds, if they are wanted': { samples: 'c d e f g h i j k', pieces: 3, cuts: 'f i' },
  'thirds of which one is too small: halves': { samples: 'c*6 d e*6', pieces: 3, cuts: 'd' },
  'no cut inside a unit: at its start': {
    samples: 'c/1 c/2 d/1 d/2 d/3 d/4 e/1 e/2',
    unitOf: byFolder,
    cuts: 'd/',
  },
  'a range that begins with the unit: after it': {
    samples: 'd/1*3 d/2 e/1*4',
    range: { start: toBytes('d/'), end: null },
    unitOf: byFolder,
    cuts: 'd0',
  },
  'a hot unit is isolated as a whole': {
    samples: 'c/1 d/1*2 d/2*3 d/3*3',
    unitOf: byFolder,
    cuts: 'd/ d0',
  },
  'a range of one unit is never cut': {
    samples: 'd/1*4 d/2*4',
    range: { start: toBytes('d/'), end: toBytes('d0') },
    unitOf: byFolder,
    cuts: null,
  },
};

for (const [title, { samples, range = RANGE, unitOf = EACH_KEY, pieces = 2, cuts }] of Object.entries(
  cases,
)) {
  test(title, (t) => {
    const cut = loadCut(range, samplesOf(samples), { unitOf, pieces });
    t.is(cut === null ? null : cut.cuts.map(formatBytes).join(' '), cuts);
  });
}

test('a sample that may be the beginning of a key is a bound, but it is never isolated', (t) => {
  const long = 'm'.repeat(LOAD_LIMITS.sampleBytesMax);
  const how = { unitOf: EACH_KEY, pieces: 2 } as const;
  t.is(loadCut(RANGE, samplesOf(`${long}*8`), how), null);
  t.deepEqual(loadCut(RANGE, samplesOf(`c*4 ${long}*4`), how)?.cuts, [toBytes(long)]);
});

test('the bound near a key is inside the range, or there is none', (t) => {
  const near = (range: KeyRange, key: string, unitOf = EACH_KEY) => {
    const bound = boundNear(range, toBytes(key), unitOf);
    return bound === null ? null : formatBytes(bound);
  };
  t.is(near(RANGE, 'm'), 'm');
  t.is(near(RANGE, 'b'), 'b\\x00', 'not its start');
  t.is(near({ start: toBytes('b'), end: toBytes('b\x00') }, 'b'), null);
  t.is(near(RANGE, 'm/1', byFolder), 'm/');
  t.is(near({ start: toBytes('m/1'), end: null }, 'm/2', byFolder), 'm0', 'its unit begins before the range');
});

test('a unit goes through the first delimiter, however long that is; a key without one is a unit of its own', (t) => {
  const unitOf = throughFirst(toBytes('::'));
  const bounds = (key: string) => {
    const { start, end } = unitOf(toBytes(key));
    return [formatBytes(start), end === null ? null : formatBytes(end)];
  };
  t.deepEqual(bounds('a::b::c'), ['a::', 'a:;']);
  t.deepEqual(bounds('a:b'), ['a:b', 'a:b\\x00']);
});
