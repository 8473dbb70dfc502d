// The map of ranges: a key belongs to the known range with the highest epoch, in whatever order ranges are learned.

import test from 'ava';
import fc from 'fast-check';
import { type Bytes, compareBytes, toBytes } from '../../../common/base/bytes.ts';
import { realEnv } from '../../../common/base/env.ts';
import { type Descriptor, type DescriptorImage, FRESH_RANGE } from '../../../common/model/descriptor.ts';
import { compareEnds, contains, formatKeyRange } from '../../../common/model/key-range.ts';
import { RangeMap } from '../../../common/model/range-map.ts';

interface Given {
  readonly id: number;
  readonly start: string;
  readonly end: string | null;
  readonly epoch?: number;
  readonly version?: number;
  readonly owner?: string;
}

function image({ id, start, end, epoch = 1, version = 1, owner = 'a' }: Given): DescriptorImage {
  const replica = { node: owner, inc: 1 };
  const descriptor: Descriptor = {
    ...{
      id,
      namespace: 'default',
      namespaceId: 1,
      start: toBytes(start),
      end: end === null ? null : toBytes(end),
    },
    ...{
      epoch,
      owner: { ...replica, session: 's' },
      replicas: [replica],
      inSync: [owner],
      nextInc: 2,
      minInSync: 1,
    },
    ...{ base: { epoch: 0, seq: 0 }, state: 'serving', retire: null, transferTo: null, ...FRESH_RANGE },
  };
  return { descriptor, version };
}

function mapOf(...given: readonly Given[]): RangeMap {
  const map = new RangeMap();
  for (const each of given) map.learn(image(each));
  return map;
}

/** Such as `1 [a, m)`. */
function shown(map: RangeMap): readonly string[] {
  return map.images.map(({ descriptor }) => `${descriptor.id} ${formatKeyRange(descriptor)}`);
}

const PARENT = { id: 1, start: '', end: null, epoch: 3 };
const LEFT = { id: 2, start: '', end: 'm', epoch: 4 };
const RIGHT = { id: 3, start: 'm', end: null, epoch: 4 };

test('a map finds the range of a key, and none in a gap', (t) => {
  const map = mapOf(
    { id: 1, start: '', end: 'g' },
    { id: 2, start: 'g', end: 'm' },
    { id: 3, start: 'p', end: 't' },
  );
  const keys = ['a', 'g', 'lz', 'm', 'oz', 'p', 'sz', 't', 'z'];
  t.deepEqual(
    keys.map((key) => map.find(toBytes(key))?.descriptor.id),
    [1, 2, 2, undefined, undefined, 3, 3, undefined, undefined],
  );
  const ends = ['a', 'g', 'h', 'm', 'n', 'p', 'q', 't', 'u', null];
  t.deepEqual(
    ends.map((end) => map.findBelow(end === null ? null : toBytes(end))?.descriptor.id),
    [1, 1, 2, 2, undefined, undefined, 3, 3, undefined, undefined],
  );
});

test('a child takes its keys from its parent, which keeps those of children that are not known', (t) => {
  const map = mapOf(PARENT);
  const learned = map.learn(image(RIGHT));
  t.deepEqual([learned?.overtaken.map(({ id }) => id), learned?.displaced], [[1], []]);
  t.deepEqual(shown(map), ['1 [, m)', '3 [m, ∞)']);
  t.deepEqual(map.learn(image(LEFT))?.displaced, [1]);
  t.deepEqual([shown(map), map.get(1)], [['2 [, m)', '3 [m, ∞)'], undefined]);
});

test('a parent that is learned late takes nothing from its children', (t) => {
  const map = mapOf(LEFT, RIGHT);
  t.deepEqual(map.learn(image({ ...PARENT, version: 9 })), { overtaken: [], displaced: [1] });
  t.deepEqual(shown(map), ['2 [, m)', '3 [m, ∞)']);
});

test('a parent that is learned after one child gets the other keys', (t) => {
  t.deepEqual(shown(mapOf(LEFT, PARENT)), ['2 [, m)', '1 [m, ∞)']);
  t.deepEqual(shown(mapOf({ ...LEFT, start: 'c' }, PARENT)), ['1 [, c)', '2 [c, m)', '1 [m, ∞)']);
});

test('the child of a merge takes the keys of both', (t) => {
  const map = mapOf(LEFT, RIGHT);
  t.deepEqual(map.learn(image({ id: 4, start: '', end: null, epoch: 5 }))?.displaced, [2, 3]);
  t.deepEqual(shown(map), ['4 [, ∞)']);
});

test('a newer image of a range keeps what is left to it; an older one is ignored', (t) => {
  const map = mapOf(PARENT, { ...LEFT, start: 'c' });
  t.deepEqual(
    map.learn(image({ ...PARENT, version: 2, owner: 'b' }))?.overtaken.map(({ owner }) => owner.node),
    ['a'],
  );
  t.is(map.learn(image({ ...PARENT, owner: 'c' })), null);
  t.deepEqual(shown(map), ['1 [, c)', '2 [c, m)', '1 [m, ∞)']);
  t.deepEqual(
    map.images.map(({ descriptor }) => descriptor.owner.node),
    ['b', 'a', 'b'],
  );
  t.is(map.get(1)?.descriptor.end, null, 'with all its keys');
});

test('a range that is gone leaves a gap, and the array of ranges stays as it was', (t) => {
  const map = mapOf(PARENT, { ...LEFT, start: 'c' });
  const before = map.images;
  t.true(map.forget(1));
  t.false(map.forget(1));
  t.deepEqual([shown(map), before.length], [['2 [c, m)'], 3]);
  t.deepEqual(shown(mapOf({ ...LEFT, version: 1 }, { ...LEFT, end: 'p', version: 2 })), ['2 [, p)']);
});

test('in any order of learning, a key belongs to the known range with the highest epoch', (t) => {
  const key = fc.stringMatching(/^[a-d]{0,2}$/);
  const range = fc
    .record({ start: key, end: fc.option(key) })
    .filter(({ start, end }) => end === null || start < end);
  const property = fc.property(
    fc.array(range, { maxLength: 12 }),
    fc.infiniteStream(fc.nat()),
    (ranges, dice) => {
      const given = ranges.map(({ start, end }, at) => image({ id: at + 1, start, end, epoch: at + 1 }));
      const order = given
        .map((each) => ({ each, place: dice.next().value ?? 0 }))
        .sort((a, b) => a.place - b.place);
      const map = new RangeMap();
      for (const { each } of order) map.learn(each);
      const holds = (is: (descriptor: Descriptor) => boolean) =>
        given.findLast(({ descriptor }) => is(descriptor));
      for (const text of ['', 'a', 'aa', 'ab', 'b', 'bc', 'c', 'cd', 'd', 'dd']) {
        const bytes = toBytes(text);
        const expected = holds((descriptor) => contains(descriptor, bytes))?.descriptor.id;
        if (map.find(bytes)?.descriptor.id !== expected) return false;
        if (
          text !== '' &&
          map.findBelow(bytes)?.descriptor.id !== holds((one) => endsIn(one, bytes))?.descriptor.id
        )
          return false;
      }
      return areInOrder(map.images);
    },
  );
  fc.assert(property, { numRuns: 300 });
  t.pass();
});

/** Whether the range holds the keys just below `end`. All ranges meet at keys of at most two letters. */
function endsIn({ start, end }: Descriptor, bound: Bytes): boolean {
  return compareBytes(start, bound) < 0 && compareEnds(bound, end) <= 0;
}

function areInOrder(images: readonly DescriptorImage[]): boolean {
  return images.every(({ descriptor: { start } }, at) => {
    const before = images[at - 1]?.descriptor;
    return before === undefined || compareEnds(before.end, start) <= 0;
  });
}

test('10,000 ranges are learned in a fraction of a second, and splits of all of them, too', (t) => {
  const name = (at: number) => (at === 0 ? '' : String(at).padStart(6, '0'));
  const bounds = (at: number, of: number) => ({ start: name(at), end: at === of - 1 ? null : name(at + 1) });
  const many = Array.from({ length: 10_000 }, (_, at) => image({ id: at + 1, ...bounds(at, 10_000) }));
  const map = new RangeMap();
  const before = realEnv.now();
  for (const each of many) map.learn(each);
  const learnedAt = realEnv.now();
  for (const { descriptor } of many.slice(0, 1_000)) {
    map.learn(image({ id: descriptor.id + 20_000, ...bounds(descriptor.id - 1, 10_000), epoch: 2 }));
    map.find(descriptor.start);
  }
  t.is(map.images.length, 10_000);
  t.true(learnedAt - before < 500, `${learnedAt - before} ms`);
  t.true(realEnv.now() - learnedAt < 5_000, `${realEnv.now() - learnedAt} ms`);
  t.log(`${learnedAt - before} ms, ${realEnv.now() - learnedAt} ms`);
});
