// What a leader knows of loads: the owner's report counts, children begin with their parents' load, and durations are the leader's own.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { toBytes } from '../../../common/base/bytes.ts';
import { type Descriptor, FRESH_RANGE } from '../../../common/model/descriptor.ts';
import { type NodeId, origin, type RangeId } from '../../../common/model/ids.ts';
import type { LoadRecord, RangeLoadRecord } from '../../../common/model/load.ts';
import { LoadHistory, type LoadReport } from '../../../coordinator/load-history.ts';
import type { LoadView } from '../../../coordinator/load-view.ts';

function descriptor(
  id: RangeId,
  start: string,
  end: string | null,
  change: Partial<Descriptor> = {},
): Descriptor {
  return {
    ...{ namespace: 'default', namespaceId: 1, id, start: toBytes(start), epoch: 1 },
    ...{ end: end === null ? null : toBytes(end), owner: { node: 'n1', inc: 1, session: 's-n1' } },
    replicas: [
      { node: 'n1', inc: 1 },
      { node: 'n2', inc: 1 },
    ],
    ...{ inSync: ['n1', 'n2'], minInSync: 1, state: 'serving', nextInc: 2, ...FRESH_RANGE, base: origin },
    ...{ transferTo: null, retire: null, ...change },
  };
}

const parents = (...ids: RangeId[]) => ids.map((range) => ({ range, final: { epoch: 1, seq: 5 } }));

function load(range: RangeId, cpu: number, change: Partial<RangeLoadRecord> = {}): RangeLoadRecord {
  return { range, reads: 1_000 * cpu, writes: 0, bytesIn: 0, bytesOut: 0, cpu, bytes: 1_000, ...change };
}

class Scene {
  now = 0;
  readonly #history = new LoadHistory({ now: () => this.now }, 0.01);
  readonly #reports = new Map<NodeId, LoadReport>();
  ranges: readonly Descriptor[] = [];

  report(node: NodeId, ranges: readonly RangeLoadRecord[], change: Partial<LoadRecord> = {}): void {
    const version = (this.#reports.get(node)?.version ?? 0) + 1;
    const record = { cpu: null, syncP99Ms: null, syncMeanMs: null, ranges, ...change };
    this.#reports.set(node, { record, version, session: `s-${node}` });
  }

  die(node: NodeId): void {
    this.#reports.delete(node);
  }

  view(passMs = 0): LoadView {
    this.now += passMs;
    return this.#history.update(
      this.#reports,
      this.ranges.map((range) => ({ descriptor: range, version: 0 })),
    );
  }
}

test("only the owner's report counts; after a hand-over the former one's is kept until the new owner reports", (t) => {
  const scene = new Scene();
  scene.ranges = [descriptor(1, '', null)];
  t.is(scene.view().ranges.size, 0, 'nothing is known');
  scene.report('n2', [load(1, 0.9)]);
  t.is(scene.view().ranges.size, 0, 'n2 does not own it');
  scene.report('n1', [load(1, 0.5)]);
  t.is(scene.view().ranges.get(1)?.cpu, 0.5);
  scene.ranges = [descriptor(1, '', null, { owner: { node: 'n2', inc: 1, session: 's-n2' }, epoch: 2 })];
  scene.report('n2', []);
  t.is(scene.view().ranges.get(1)?.cpu, 0.5);
  scene.report('n2', [load(1, 0.4)]);
  t.is(scene.view().ranges.get(1)?.cpu, 0.4);
  scene.die('n2');
  t.is(scene.view().ranges.get(1)?.cpu, 0.4, 'the best that is known');
});

test('how old a report is', (t) => {
  const scene = new Scene();
  scene.report('n1', []);
  t.is(scene.view().nodes.get('n1')?.ageMs, 0);
  t.is(scene.view(7_000).nodes.get('n1')?.ageMs, 7_000);
  scene.report('n1', []);
  t.is(scene.view().nodes.get('n1')?.ageMs, 0);
  scene.die('n1');
  t.is(scene.view().nodes.size, 0);
});

test('children of a split begin with the load that their samples had; bytes are not known', (t) => {
  const scene = new Scene();
  scene.ranges = [descriptor(1, '', null)];
  scene.report('n1', [load(1, 0.8, { samples: ['a', 'b', 'c', 'x'].map(toBytes) })]);
  scene.view();
  scene.ranges = [
    descriptor(2, '', 'm', { parents: parents(1) }),
    descriptor(3, 'm', null, { parents: parents(1) }),
  ];
  const { ranges } = scene.view();
  t.is(ranges.get(2)?.cpu, 0.8 * 0.75);
  t.is(ranges.get(3)?.cpu, 0.8 * 0.25);
  t.true(present(ranges.get(2), 'range 2').isEstimated);
  t.is(ranges.get(2)?.bytes, null);
  scene.report('n1', [load(2, 0.7), load(3, 0.1)]);
  t.is(scene.view().ranges.get(2)?.cpu, 0.7);
  t.false(present(scene.view().ranges.get(2), 'range 2').isEstimated);
});

test('a merged range begins with the sum', (t) => {
  const scene = new Scene();
  scene.ranges = [descriptor(1, '', 'm'), descriptor(2, 'm', null)];
  scene.report('n1', [load(1, 0.25), load(2, 0.5)]);
  scene.view();
  scene.ranges = [descriptor(3, '', null, { parents: parents(1, 2) })];
  const merged = present(scene.view().ranges.get(3), 'range 3');
  t.deepEqual([merged.cpu, merged.bytes, merged.isEstimated], [0.75, 2_000, true]);
});

test('a range is cold from when its owner says so, not before, and not while it is only assumed', (t) => {
  const scene = new Scene();
  scene.ranges = [descriptor(1, '', null)];
  scene.report('n1', [load(1, 0.001)]);
  scene.view();
  t.is(scene.view(9_000).ranges.get(1)?.coldForMs, 9_000);
  scene.report('n1', [load(1, 0.02)]);
  t.is(scene.view(1_000).ranges.get(1)?.coldForMs, 0);
  scene.report('n1', [load(1, 0.001)]);
  scene.view();
  scene.ranges = [
    descriptor(2, '', 'm', { parents: parents(1) }),
    descriptor(3, 'm', null, { parents: parents(1) }),
  ];
  scene.view();
  t.is(scene.view(60_000).ranges.get(2)?.coldForMs, 0, 'its owner has not reported it');
});

test('a split that leaves the load in one child was in vain; splits in vain are counted from parent to child', (t) => {
  const scene = new Scene();
  scene.ranges = [descriptor(1, '', null)];
  scene.report('n1', [load(1, 1)]);
  scene.view();
  scene.ranges = [
    descriptor(2, '', 'm', { parents: parents(1) }),
    descriptor(3, 'm', null, { parents: parents(1) }),
  ];
  scene.report('n1', [load(2, 0.05), load(3, 0.95)]);
  const inVain = (range: RangeId) => scene.view().ranges.get(range)?.splitsInVain;
  t.is(inVain(3), 0, 'too early to say');
  scene.view(20_000);
  t.deepEqual([inVain(2), inVain(3)], [0, 1]);
  scene.ranges = [
    descriptor(4, 'm', 'x', { parents: parents(3, 1) }),
    descriptor(5, 'x', null, { parents: parents(3, 1) }),
  ];
  t.is(inVain(5), 1);
  scene.report('n1', [load(4, 0.1), load(5, 0.9)]);
  scene.view(20_000);
  t.deepEqual([inVain(4), inVain(5)], [0, 2]);
  scene.ranges = [
    descriptor(6, 'x', 'y', { parents: parents(5, 3) }),
    descriptor(7, 'y', null, { parents: parents(5, 3) }),
  ];
  scene.report('n1', [load(6, 0.5), load(7, 0.4)]);
  scene.view();
  scene.view(20_000);
  t.deepEqual([inVain(6), inVain(7)], [0, 0], 'this one has helped');
});

test('a node is strained if it is much worse than others for a while, and ends being so late, later each time', (t) => {
  const scene = new Scene();
  const strain = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5_000) scene.view(5_000);
    return scene.view().nodes.get('n1')?.strain ?? null;
  };
  const report = (syncP99Ms: number, cpu = 0.3) => scene.report('n1', [], { syncP99Ms, cpu });
  for (const node of ['n2', 'n3']) scene.report(node, [], { syncP99Ms: 5, cpu: 0.3 });
  report(49);
  t.is(strain(60_000), null);
  report(60);
  t.is(strain(20_000), null, 'perhaps it is over soon');
  t.is(strain(15_000), 'slow');
  report(30);
  t.is(strain(1_200_000), 'slow', 'not much better');
  report(5);
  t.is(strain(590_000), 'slow');
  t.is(strain(15_000), null);
  report(5, 1.2);
  t.is(strain(35_000), 'overloaded');
  report(5, 0.2);
  t.is(strain(1_190_000), 'overloaded', 'twice as long as the first time');
  t.is(strain(15_000), null);
  for (const node of ['n2', 'n3']) scene.report(node, [], { syncP99Ms: 80, cpu: 1.2 });
  report(90, 1.2);
  t.is(strain(120_000), null, 'all are slow and busy');
});
