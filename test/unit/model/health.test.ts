// The health of a cluster in sentences: which are said for which ranges and machines.

import test from 'ava';
import { copiesSentence, type HealthKind, healthOf, type RangeFacts } from '../../../common/model/health.ts';
import { Machines } from '../../../common/model/machines.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** Each node on a host of its own, except for those that are given. */
function machines(hosts: Readonly<Record<string, string>> = {}): Machines {
  return new Machines(NODES.map((id) => ({ id, address: `${hosts[id] ?? id}:7400` })));
}

/** A range of which `nodes` hold in-sync copies and answer; the first one is the owner. */
function range(nodes: readonly string[], facts: Partial<RangeFacts> = {}): RangeFacts {
  return { nodes, desired: 3, minInSync: 2, owner: nodes[0] ?? 'n1', takesWrites: true, ...facts };
}

const ALL = range(['n1', 'n2', 'n3']);

interface Case {
  readonly ranges: readonly RangeFacts[];
  readonly hosts?: Readonly<Record<string, string>>;
  readonly replacesOwners?: boolean;
  readonly is: readonly [kind: HealthKind, line: string];
}

const says = test.macro<[Case]>({
  title: (title) => `health: ${title}`,
  exec(t, { ranges, hosts, replacesOwners = true, is }) {
    const { kind, sentences } = healthOf({ ranges, machines: machines(hosts), replacesOwners });
    t.deepEqual([kind, sentences.join(' · ')], is);
  },
});

test('a whole cluster', says, {
  ranges: [ALL, range(['n3', 'n2', 'n1'])],
  is: ['ok', 'All writes OK · every range has 3 of 3 copies · any one machine may fail'],
});
test('a lost copy of some ranges', says, {
  ranges: [ALL, range(['n1', 'n2']), range(['n2', 'n3'])],
  is: [
    'degraded',
    'All writes OK · 2 ranges have only 2 of 3 copies · one more loss makes 2 ranges read-only',
  ],
});
test('a lost copy of every range', says, {
  ranges: [range(['n1', 'n2']), range(['n2', 'n1'])],
  is: ['degraded', 'All writes OK · every range has 2 of 3 copies · one more loss makes 2 ranges read-only'],
});
test('the worst loss counts: the machine on which most ranges depend', says, {
  ranges: [range(['n1', 'n2']), range(['n2', 'n3']), range(['n2', 'n4'])],
  is: ['degraded', 'All writes OK · every range has 2 of 3 copies · one more loss makes 3 ranges read-only'],
});
test('a lost copy of five may be borne', says, {
  ranges: [range(['n1', 'n2', 'n3', 'n4'], { desired: 5, minInSync: 3 })],
  is: ['degraded', 'All writes OK · every range has 4 of 5 copies · any one machine may fail'],
});
test('a range without writes', says, {
  ranges: [ALL, range(['n1'], { takesWrites: false })],
  is: ['problem', '1 range of 2 takes no writes · 1 range has only 1 of 3 copies'],
});
test('no range with writes: there is nothing left to lose', says, {
  ranges: [range(['n1'], { takesWrites: false }), range(['n1'], { takesWrites: false })],
  is: ['problem', 'No range takes writes · every range has 1 of 3 copies'],
});
test('two copies on one machine fail together', says, {
  ranges: [ALL],
  hosts: { n1: 'same', n2: 'same' },
  is: ['degraded', 'All writes OK · every range has 3 of 3 copies · one loss makes 1 range read-only'],
});
test('all copies on one machine', says, {
  ranges: [ALL],
  hosts: { n1: 'same', n2: 'same', n3: 'same' },
  is: ['degraded', 'All writes OK · every range has 3 of 3 copies · one loss makes 1 range unavailable'],
});
test('loopback addresses: each node stands for a machine', says, {
  ranges: [ALL],
  hosts: { n1: '127.0.0.1', n2: '127.0.0.1', n3: '[::1]' },
  is: [
    'ok',
    'All writes OK · every range has 3 of 3 copies · any one machine may fail (each node here counts as one)',
  ],
});
test('one copy was asked for: nothing is wrong, and it says what a loss does', says, {
  ranges: [range(['n1'], { desired: 1, minInSync: 1 })],
  is: ['ok', 'All writes OK · every range has 1 of 1 copies · one loss makes 1 range unavailable'],
});
test('nobody replaces an owner: losing the one with most ranges leaves them without', says, {
  ranges: [ALL, range(['n2', 'n1', 'n3']), range(['n2', 'n3', 'n1'])],
  replacesOwners: false,
  is: [
    'degraded',
    'All writes OK · every range has 3 of 3 copies · one loss leaves 2 ranges without an owner',
  ],
});
test('namespaces with different numbers of copies', says, {
  ranges: [ALL, range(['n1'], { desired: 1, minInSync: 1 })],
  is: ['ok', 'All writes OK · every range has all its copies · one loss makes 1 range unavailable'],
});
test('a copy more than asked for, while one moves, does not count', says, {
  ranges: [range(['n1', 'n2', 'n3', 'n4'])],
  is: ['ok', 'All writes OK · every range has 3 of 3 copies · any one machine may fail'],
});
test('owners that were not asked yet: no promise', says, {
  ranges: [range(['n1', 'n2', 'n3'], { takesWrites: null }), ALL],
  is: ['unknown', '1 range not asked yet · every range has 3 of 3 copies · any one machine may fail'],
});
test('too few copies, before the owner was asked: no promise', says, {
  ranges: [range([], { takesWrites: null }), ALL],
  is: ['unknown', '1 range not asked yet · 1 range has only 0 of 3 copies'],
});
test('no range', says, { ranges: [], is: ['unknown', 'No range yet'] });

const copies = test.macro<[nodes: readonly string[], desired: number, minInSync: number, sentence: string]>({
  title: (_, nodes, desired, minInSync) => `copies: ${nodes.length} of ${desired}, m = ${minInSync}`,
  exec(t, nodes, desired, minInSync, sentence) {
    t.is(copiesSentence({ nodes, desired, minInSync }, machines()), sentence);
  },
});

test(copies, ['n1', 'n2', 'n3'], 3, 2, '3 of 3 copies');
test(copies, ['n1', 'n2'], 3, 2, '2 of 3 copies; one more loss makes this read-only');
test(copies, ['n1', 'n2', 'n3', 'n4'], 5, 3, '4 of 5 copies');
test(copies, ['n1'], 3, 2, '1 of 3 copies; too few to take writes');
test(copies, ['n1'], 2, 1, '1 of 2 copies; one more loss makes this unavailable');
test(copies, ['n1', 'n2'], 2, 2, '2 of 2 copies; one loss makes this read-only');
test(copies, [], 3, 2, '0 of 3 copies; too few to take writes');
