// The changes of the feed: `apply` with the result of `diff` gives the new state, whatever happened between.

import test from 'ava';
import fc from 'fast-check';
import { apply, diff, type FeedState, inOrder } from '../../../webserver/feed.ts';
import { feedState, type StatusReport } from '../../../webserver/page-state.ts';
import { MemoryCluster, NODES } from '../../support/memory-cluster.ts';

const NOW = Date.UTC(2026, 0, 2);

type Happening =
  | { kind: 'kill' | 'start'; node: string }
  | { kind: 'promote'; range: number; node: string }
  | { kind: 'silent' | 'heard'; node: string }
  | { kind: 'event' | 'zookeeper' | 'forget' };

const node = fc.constantFrom(...NODES);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constantFrom('kill' as const, 'start' as const), node }),
  fc.record({ kind: fc.constant('promote' as const), range: fc.integer({ min: 1, max: 4 }), node }),
  fc.record({ kind: fc.constantFrom('silent' as const, 'heard' as const), node }),
  fc.record({ kind: fc.constantFrom('event' as const, 'zookeeper' as const, 'forget' as const) }),
);

function happen(cluster: MemoryCluster, reports: Map<string, StatusReport>, what: Happening): void {
  const isLive = (id: string): boolean => cluster.view.live.some((live) => live.id === id);
  switch (what.kind) {
    case 'kill':
      return cluster.kill(what.node);
    case 'start':
      if (!isLive(what.node)) cluster.start(what.node);
      return;
    case 'promote':
      if (isLive(what.node) && cluster.view.ranges.length > 0) cluster.promote(what.range, what.node);
      return;
    case 'silent':
      reports.set(what.node, { kind: 'silent', since: NOW });
      return;
    case 'heard':
      reports.delete(what.node);
      return;
    case 'event':
      return cluster.event({ kind: 'test', text: 'something' });
    case 'zookeeper':
      return cluster.change({ zookeeper: !cluster.view.zookeeper });
    case 'forget':
      return cluster.change({ ranges: [], namespaces: [] });
  }
}

test('a page that applies every change has the same state as a page that has just connected', (t) => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 30 }), (happenings) => {
      const cluster = new MemoryCluster();
      const reports = new Map<string, StatusReport>();
      const draw = (before: FeedState | null): FeedState =>
        feedState({ view: cluster.view, reports, before, now: NOW, namespace: 'default' });
      let server = draw(null);
      let page = server;
      for (const what of happenings) {
        happen(cluster, reports, what);
        const next = draw(server);
        const change = diff(server, next);
        if (change !== null) page = apply(page, JSON.parse(JSON.stringify(change)));
        server = next;
      }
      t.deepEqual(page, server);
    }),
    { numRuns: 200 },
  );
});

test('without a change nothing is sent', (t) => {
  const cluster = new MemoryCluster();
  const state = feedState({
    view: cluster.view,
    reports: new Map(),
    before: null,
    now: NOW,
    namespace: 'default',
  });
  const again = feedState({
    view: cluster.view,
    reports: new Map(),
    before: state,
    now: NOW + 1,
    namespace: 'default',
  });
  t.is(diff(state, again), null);
});

test('only changed rows are sent', (t) => {
  const cluster = new MemoryCluster();
  const draw = (before: FeedState | null): FeedState =>
    feedState({ view: cluster.view, reports: new Map(), before, now: NOW, namespace: 'default' });
  const before = draw(null);
  cluster.promote(2, 'n-c');
  const change = diff(before, draw(before));
  t.deepEqual(
    change?.ranges?.set.map(({ id }) => id),
    [2],
  );
  t.deepEqual(change?.events?.set.length, 1);
  t.deepEqual(
    change?.nodes?.set.map(({ id }) => id),
    ['n-b', 'n-c'],
  );
  t.false(change !== null && 'namespaces' in change);
});

test('events are newest first, nodes by name', (t) => {
  const event = (seq: number) => ({ seq, at: 0, by: 'x', kind: 'k', text: '' });
  t.deepEqual(
    inOrder('events', [event(1), event(3), event(2)]).map(({ seq }) => seq),
    [3, 2, 1],
  );
});
