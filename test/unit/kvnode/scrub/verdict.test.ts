// What the digests of a range's replicas say together. A letter is a digest, `-` a replica that reported none.

import test from 'ava';
import type { CheckVerdict } from '../../../../common/model/range-check.ts';
import { type Digest, judge } from '../../../../kvnode/scrub/verdict.ts';

const DIGESTS: Readonly<Record<string, Digest>> = {
  a: { rows: 10, checksum: 1 },
  b: { rows: 10, checksum: 2 },
  c: { rows: 11, checksum: 1 },
};

const saysOf = test.macro({
  title: (_, digests: string) => `replicas ${digests}`,
  exec: (t, digests: string, verdict: CheckVerdict, ofReplicas: string) => {
    const reports = [...digests].map((name, index) => ({ node: `n${index}`, digest: DIGESTS[name] ?? null }));
    const judged = judge(reports);
    t.is(judged.verdict, verdict);
    t.is(judged.replicas.map((replica) => replica.verdict).join(' '), ofReplicas);
    t.deepEqual(
      judged.replicas.map(({ node }) => node),
      reports.map(({ node }) => node),
    );
    t.is(judged.expected !== null, verdict === 'damaged');
  },
});

test(saysOf, '', 'alone', '');
test(saysOf, 'a', 'alone', 'alone');
test(saysOf, 'a--', 'alone', 'alone silent silent');
test(saysOf, '---', 'alone', 'silent silent silent');
test(saysOf, 'aa', 'sound', 'sound sound');
test(saysOf, 'aaa', 'sound', 'sound sound sound');
test(saysOf, 'aa-', 'sound', 'sound sound silent');
test(saysOf, 'ab', 'undecided', 'differs differs');
test(saysOf, 'aab', 'damaged', 'sound sound damaged');
test(saysOf, 'baa', 'damaged', 'damaged sound sound');
test(saysOf, 'aac', 'damaged', 'sound sound damaged');
test(saysOf, 'abc', 'undecided', 'differs differs differs');
test(saysOf, 'ab-', 'undecided', 'differs differs silent');
test(saysOf, 'aab-', 'undecided', 'differs differs differs silent');
test(saysOf, 'aabb', 'undecided', 'differs differs differs differs');
test(saysOf, 'aaab', 'damaged', 'sound sound sound damaged');
test(saysOf, 'aaabc', 'damaged', 'sound sound sound damaged damaged');
test(saysOf, 'aabb-', 'undecided', 'differs differs differs differs silent');
test(saysOf, 'aab--', 'undecided', 'differs differs differs silent silent');

test('what is expected of a damaged replica is what the majority has', (t) => {
  const digest = (name: 'a' | 'b') => DIGESTS[name] as Digest;
  const reports = [
    { node: 'x', digest: digest('b') },
    { node: 'y', digest: digest('a') },
    { node: 'z', digest: digest('a') },
  ];
  t.deepEqual(judge(reports).expected, digest('a'));
});
