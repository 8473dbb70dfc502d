// How the digests of a range's replicas are judged. A letter stands for a digest, `-` for a replica that reported none.

import test from 'ava';
import type { CheckVerdict } from '../../../../common/model/range-check.ts';
import { type Digest, judge } from '../../../../kvnode/scrub/verdict.ts';

const DIGESTS: Readonly<Record<string, Digest>> = {
  a: { rows: 10, checksum: 1 },
  b: { rows: 10, checksum: 2 },
  c: { rows: 11, checksum: 1 },
};

const judged = test.macro({
  title: (_, digests: string) => `replicas ${digests}`,
  exec: (t, digests: string, verdict: CheckVerdict, ofReplicas: string) => {
    const reports = [...digests].map((name, index) => ({ node: `n${index}`, digest: DIGESTS[name] ?? null }));
    const result = judge(reports);
    t.is(result.verdict, verdict);
    t.is(result.replicas.map((replica) => replica.verdict).join(' '), ofReplicas);
    t.deepEqual(
      result.replicas.map(({ node }) => node),
      reports.map(({ node }) => node),
    );
    t.is(result.expected !== null, verdict === 'damaged');
  },
});

test(judged, '', 'alone', '');
test(judged, 'a', 'alone', 'alone');
test(judged, 'a--', 'alone', 'alone silent silent');
test(judged, '---', 'alone', 'silent silent silent');
test(judged, 'aa', 'sound', 'sound sound');
test(judged, 'aaa', 'sound', 'sound sound sound');
test(judged, 'aa-', 'sound', 'sound sound silent');
test(judged, 'ab', 'undecided', 'differs differs');
test(judged, 'aab', 'damaged', 'sound sound damaged');
test(judged, 'baa', 'damaged', 'damaged sound sound');
test(judged, 'aac', 'damaged', 'sound sound damaged');
test(judged, 'abc', 'undecided', 'differs differs differs');
test(judged, 'ab-', 'undecided', 'differs differs silent');
test(judged, 'aab-', 'undecided', 'differs differs differs silent');
test(judged, 'aabb', 'undecided', 'differs differs differs differs');
test(judged, 'aaab', 'damaged', 'sound sound sound damaged');
test(judged, 'aaabc', 'damaged', 'sound sound sound damaged damaged');
test(judged, 'aabb-', 'undecided', 'differs differs differs differs silent');
test(judged, 'aab--', 'undecided', 'differs differs differs silent silent');

test('the expected digest is the one that the majority has', (t) => {
  const digest = (name: 'a' | 'b') => DIGESTS[name] as Digest;
  const reports = [
    { node: 'x', digest: digest('b') },
    { node: 'y', digest: digest('a') },
    { node: 'z', digest: digest('a') },
  ];
  t.deepEqual(judge(reports).expected, digest('a'));
});
