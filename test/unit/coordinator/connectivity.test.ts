// Which nodes are connected, and which are cut off, according to the nodes' reports.

import test from 'ava';
import { Connectivity, type ConnectivityReports } from '../../../coordinator/connectivity.ts';

/** `a>b`: a reports that it has no connection with b. */
function reachOf(live: string, reports: string): Connectivity {
  const byReporter = new Map<string, Map<string, number>>();
  for (const report of reports.split(' ').filter(Boolean)) {
    const [from = '', about = ''] = report.split('>');
    byReporter.set(from, (byReporter.get(from) ?? new Map()).set(about, 1_000));
  }
  return new Connectivity([...live], byReporter satisfies ConnectivityReports);
}

const cutOff = test.macro({
  exec(t, _: string, live: string, reports: string, expected: string) {
    t.is([...reachOf(live, reports).cutOff].sort().join(''), expected);
  },
  title: (_, what: string) => `cut off: ${what}`,
});

test(cutOff, 'nobody where nothing is reported', 'abc', '', '');
test(cutOff, 'a node that nobody reaches, though it reaches all', 'abcd', 'a>d b>d c>d', 'd');
test(cutOff, 'a node that reaches nobody, though all reach it', 'abcd', 'd>a d>b d>c', 'd');
test(cutOff, 'a node cut both ways', 'abc', 'a>c b>c c>a c>b', 'c');
test(cutOff, 'not a node that lost one connection of several', 'abc', 'a>c c>a', '');
test(cutOff, 'the smaller side of a cut', 'abcde', 'a>d a>e b>d b>e c>d c>e', 'de');
test(cutOff, 'nobody where both sides are the same', 'abcd', 'a>c a>d b>c b>d', '');
test(cutOff, 'nobody of two that blame each other', 'ab', 'a>b b>a', '');
test(cutOff, 'of two the one that is reported and reports nothing', 'ab', 'a>b', 'b');
test(cutOff, 'reports by nodes that are gone count for nothing', 'abc', 'x>a y>a', '');
test(cutOff, 'reports about nodes that are gone count for nothing', 'ab', 'a>x b>x', '');

const apart = test.macro({
  exec(t, _: string, live: string, reports: string, node: string, expected: string) {
    t.is(reachOf(live, reports).unreachableBy(node).join(''), expected);
  },
  title: (_, what: string) => `unreachable by: ${what}`,
});

test(apart, 'a node from all that report it', 'abcd', 'a>d b>d c>d', 'd', 'abc');
test(apart, 'a cut-off node from those that it reports', 'abcd', 'd>a d>b d>c', 'd', 'abc');
test(apart, 'nobody for the reports of one that is cut off itself', 'abcd', 'd>a d>b d>c', 'a', '');
test(apart, 'not the one that reports a single other one', 'abc', 'a>b', 'a', '');
test(apart, 'but the other one', 'abc', 'a>b', 'b', 'a');

test('two nodes are disconnected for as long as the longer report lasts, whichever of them reports', (t) => {
  const connectivity = new Connectivity(
    ['a', 'b', 'c'],
    new Map([
      ['a', new Map([['b', 10]])],
      ['b', new Map([['a', 30]])],
    ]),
  );
  t.is(connectivity.disconnectedForMs('a', 'b'), 30);
  t.is(connectivity.disconnectedForMs('b', 'a'), 30);
  t.is(connectivity.disconnectedForMs('a', 'c'), null);
  t.deepEqual(connectivity.disconnectedAmong('a', ['a', 'b', 'c']), ['b']);
});
