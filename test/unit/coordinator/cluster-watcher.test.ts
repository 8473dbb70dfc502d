// The leader's view when znodes cannot be decoded: former values stay, and everything else goes on. And steps that are set aside.

import test from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { LIMITS } from '../../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../../common/model/descriptor.ts';
import { origin } from '../../../common/model/ids.ts';
import {
  clusterCodec,
  descriptorCodec,
  liveCodec,
  loadCodec,
  namespaceCodec,
  nodeCodec,
  paths,
  taskCodec,
} from '../../../common/zk/znodes.ts';
import type { ClusterView } from '../../../coordinator/cluster-view.ts';
import { ClusterWatcher } from '../../../coordinator/cluster-watcher.ts';
import { SetAside } from '../../../coordinator/set-aside.ts';
import type { Step } from '../../../coordinator/step.ts';
import { MemoryZk } from '../../support/memory-zk.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const RUBBISH = toBytes('{"a":');
const NODE = { id: 'n1', name: 'n1', zone: '', capacity: 1, mode: 'active' } as const;
const LIVE = { name: 'n1', address: '127.0.0.1:1', startedAt: 0, version: '' };
const DESCRIPTOR: Descriptor = {
  ...{ namespace: 'default', namespaceId: 1, id: 1, start: new Uint8Array(0), end: null, epoch: 1 },
  owner: { node: 'n1', inc: 1, session: 's1' },
  replicas: [{ node: 'n1', inc: 1 }],
  ...{ inSync: ['n1'], minInSync: 1, state: 'serving', nextInc: 2, ...FRESH_RANGE, base: origin },
  ...{ transferTo: null, retire: null },
};

class World {
  readonly env = new VirtualEnv();
  readonly zk = new MemoryZk(this.env);
  readonly errors: object[] = [];
  readonly watcher: ClusterWatcher;

  constructor() {
    const cluster = {
      format: 1,
      clusterId: 'c0ffee',
      nextNamespaceId: 2,
      nextRangeId: 2,
      tickMs: null,
    } as const;
    for (const folder of [paths.nodes, paths.lives, paths.namespaces, paths.tasks, paths.ranges('default')])
      this.zk.put(folder, new Uint8Array(0));
    this.zk.put(paths.cluster, clusterCodec.encode(cluster));
    this.zk.put(paths.node('n1'), nodeCodec.encode(NODE));
    this.zk.put(paths.live('n1'), liveCodec.encode(LIVE), 's1');
    const namespace = { name: 'default', id: 1, replicationFactor: 1, minInSync: 1 };
    this.zk.put(paths.namespace('default'), namespaceCodec.encode(namespace));
    this.zk.put(paths.range('default', 1), descriptorCodec.encode(DESCRIPTOR));
    const logger = { ...silentLogger, error: (fields: object) => this.errors.push(fields) };
    this.watcher = new ClusterWatcher({ zk: this.zk, env: this.env, logger, coldCpu: 0.01 }, () => {});
  }

  async view(): Promise<ClusterView> {
    for (let look = 0; look < 3; look++) {
      this.watcher.view(new Set());
      await this.env.run(50);
    }
    const view = this.watcher.view(new Set());
    if (view === null) throw new Error('not all of it could be read');
    return view;
  }

  spoil(path: string, ephemeralOwner: string | null = null): void {
    this.zk.put(path, RUBBISH, ephemeralOwner);
  }
}

test('a znode that cannot be decoded any more keeps its former value, and is logged once', async (t) => {
  const world = new World();
  const before = await world.view();
  t.is(before.ranges.length, 1);
  for (const path of [paths.cluster, paths.node('n1'), paths.namespace('default'), paths.range('default', 1)])
    world.spoil(path);
  const view = await world.view();
  for (const part of ['cluster', 'nodes', 'namespaces', 'ranges'] as const)
    t.deepEqual(view[part], before[part], part);
  t.is(world.errors.length, 4);
  await world.view();
  t.is(world.errors.length, 4);
});

test('a znode that has never been readable hides nothing else: ranges have owners without a record of their namespace', async (t) => {
  const world = new World();
  for (const path of [paths.cluster, paths.node('n1'), paths.namespace('default')]) world.spoil(path);
  const view = await world.view();
  t.is(view.cluster, null);
  t.is(view.nodes.size, 0);
  t.deepEqual([...view.unreadableNamespaces], ['default']);
  t.deepEqual(
    view.ranges.map(({ descriptor }) => descriptor.id),
    [1],
  );
});

test('load reports count while their nodes live in the session that wrote them; none is needed for a view', async (t) => {
  const world = new World();
  t.is((await world.view()).loads.nodes.size, 0, 'there is no folder for them');
  const range = { range: 1, reads: 5, writes: 0, bytesIn: 0, bytesOut: 0, cpu: 0.1, bytes: 7 };
  const record = { cpu: 0.5, syncP99Ms: 3, syncMeanMs: 1, ranges: [range] };
  world.zk.put(paths.loads, new Uint8Array(0));
  const put = (session: string | null) => world.zk.put(paths.load('n1'), loadCodec.encode(record), session);
  put('s1');
  const { nodes, ranges } = (await world.view()).loads;
  t.deepEqual(nodes.get('n1')?.record, record);
  t.is(ranges.get(1)?.bytes, 7);
  put('s0');
  t.is((await world.view()).loads.nodes.size, 0, 'of a former session');
  put(null);
  t.is((await world.view()).loads.nodes.size, 0, 'a node did not write this');
  put('s1');
  t.is((await world.view()).loads.nodes.size, 1);
  world.spoil(paths.load('n1'), 's1');
  t.is((await world.view()).loads.nodes.size, 1, 'the last one that could be read');
  world.zk.remove(paths.live('n1'));
  t.is((await world.view()).loads.nodes.size, 0);
});

test('a node with an ephemeral live znode is live, whatever the znode holds', async (t) => {
  const world = new World();
  await world.view();
  world.spoil(paths.live('n1'), 's2');
  t.like((await world.view()).live.get('n1'), { session: 's2', address: null });
  world.spoil(paths.live('n1'));
  t.is((await world.view()).live.size, 0);
});

test('a task that cannot be read is a task without a request', async (t) => {
  const world = new World();
  world.spoil(paths.task('a'));
  const request = { kind: 'transfer', range: 1, to: 'n1' } as const;
  const record = { request, state: 'pending', progress: '', createdAt: 1 } as const;
  world.zk.put(paths.task('b'), taskCodec.encode({ ...record, progress: 'x'.repeat(LIMITS.taskBytesMax) }));
  world.zk.put(paths.task('c'), taskCodec.encode(record));
  const { tasks } = await world.view();
  t.deepEqual(
    tasks.map(({ id, record: { request: asked } }) => [id, asked]),
    [
      ['a', null],
      ['b', null],
      ['c', request],
    ],
  );
  t.is(tasks[0]?.record.progress, 'not JSON');
  t.regex(tasks[1]?.record.progress ?? '', /^it has \d+ bytes, at most 65536 are allowed$/);
});

/** A step about range 1 that expects this version of it, and of its task. */
function stepAt(version: number, task: number | null = null): Step {
  return {
    ...{ kind: 'range', after: DESCRIPTOR, before: { descriptor: DESCRIPTOR, version } },
    task: task === null ? null : { task: { version: task } },
  } as Step;
}

const PAUSES: readonly [what: string, refused: readonly Step[], pauses: readonly (number | null)[]][] = [
  [
    'another writer wins again and again',
    Array.from({ length: 12 }, (_, version) => stepAt(version)),
    Array.from({ length: 12 }, () => null),
  ],
  [
    'the task is written by somebody, again and again',
    Array.from({ length: 7 }, (_, version) => stepAt(3, version)),
    Array.from({ length: 7 }, () => null),
  ],
  [
    'reading again brings no news',
    Array.from({ length: 7 }, () => stepAt(3)),
    [null, null, null, null, 1_000, 2_000, 4_000],
  ],
  [
    'another writer wins in between',
    [3, 3, 3, 3, 4, 4, 4, 4, 4].map((version) => stepAt(version)),
    [null, null, null, null, null, null, null, null, 1_000],
  ],
];
for (const [what, refused, pauses] of PAUSES) {
  test(`a refused step where ${what}: paused for ${pauses.map((pause) => pause ?? '-').join(' ')} ms`, (t) => {
    const setAside = new SetAside(new VirtualEnv());
    t.deepEqual(
      refused.map((step) => setAside.refused(step)),
      pauses,
    );
    t.deepEqual([...setAside.current()], pauses.some((pause) => pause !== null) ? ['range 1'] : []);
  });
}

test('an impossible step is set aside at once, for longer each time, until one is done', (t) => {
  const setAside = new SetAside(new VirtualEnv());
  t.is(setAside.impossible(stepAt(1)), 1_000);
  t.deepEqual([...setAside.current()], ['range 1']);
  t.is(setAside.impossible(stepAt(2)), 2_000);
  setAside.done(stepAt(3));
  t.deepEqual([...setAside.current()], []);
  t.is(setAside.impossible(stepAt(4)), 1_000);
});

test('a step that was set aside is planned again after its pause', async (t) => {
  const env = new VirtualEnv();
  const setAside = new SetAside(env);
  setAside.impossible(stepAt(1));
  await env.run(999);
  t.is(setAside.current().size, 1);
  await env.run(2);
  t.is(setAside.current().size, 0);
});
