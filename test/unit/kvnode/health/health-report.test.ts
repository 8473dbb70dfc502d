// What a node reports about its health: which nodes it cannot reach, and which replicas are stuck. The report is written only when it
// changes, and at most every few seconds.

import test from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import type { HealthRecord, LiveNode } from '../../../../common/model/records.ts';
import { ZkError, type ZkNode, type ZkSession } from '../../../../common/zk/store.ts';
import { healthCodec, paths } from '../../../../common/zk/znodes.ts';
import { healthReport } from '../../../../kvnode/health/health-report.ts';
import { CHECKS_UNTIL_UNREACHABLE, PeerWatch } from '../../../../kvnode/health/peer-watch.ts';
import { stuckReplicas } from '../../../../kvnode/health/stuck-replicas.ts';
import { MemoryZk } from '../../../support/memory-zk.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

function live(...ids: readonly string[]): Map<string, LiveNode> {
  return new Map(
    ids.map((id) => [
      id,
      { id, session: `s-${id}`, name: id, address: `${id}:1`, startedAt: 0, version: '' },
    ]),
  );
}

test('a live node without a connection is unreachable after many checks, until it is connected or gone', (t) => {
  const nodes = live('self', 'a', 'b');
  const open = new Set(['b']);
  const watch = new PeerWatch({
    self: 'self',
    logger: silentLogger,
    live: () => nodes,
    isOpen: (node) => open.has(node),
  });
  const check = (times: number) => {
    for (let i = 0; i < times; i++) watch.check();
    return watch.unreachable;
  };
  t.deepEqual(check(CHECKS_UNTIL_UNREACHABLE - 1), []);
  t.deepEqual(check(1), ['a']);
  open.add('a');
  t.deepEqual(check(1), []);
  open.delete('a');
  t.deepEqual(check(CHECKS_UNTIL_UNREACHABLE - 1), [], 'the count starts again');
  t.deepEqual(check(1), ['a']);
  nodes.delete('a');
  t.deepEqual(check(1), []);
});

test('a replica is stuck when neither it nor a snapshot for it has made progress for a while', (t) => {
  const lagging = [
    { node: 'a', since: 0 },
    { node: 'b', since: 9_000 },
    { node: 'gone', since: 0 },
  ];
  const ranges = [{ range: 7, replica: { lagging } }];
  const stuck = (snapshotAt: number | null) =>
    stuckReplicas(ranges, (node) => node !== 'gone', { progressAt: () => snapshotAt }, 10_000);
  t.deepEqual(stuck(null), { a: [7] });
  t.deepEqual(stuck(9_500), {});
  t.deepEqual(stuck(1_000), { a: [7] });
});

/** A session with one znode. It records what is written. */
class Scene {
  readonly env = new VirtualEnv();
  readonly written: string[] = [];
  report: HealthRecord = { unreachable: [], stuck: {}, unhealthy: null };
  node: ZkNode | null = null;
  fails = false;
  /** Writes are done, and fail all the same. */
  answersLost = false;
  readonly session: ZkSession = {
    ...new MemoryZk(this.env).session,
    id: 'mine',
    get: async () => this.node,
    create: async (path, data) => {
      this.#write(path, data);
      return path;
    },
    set: async (path, data) => {
      this.#write(path, data);
      return 1;
    },
  };
  readonly health = healthReport({
    self: 'n-1',
    env: this.env,
    logger: silentLogger,
    check: () => this.report,
  });

  #write(path: string, data: Uint8Array): void {
    if (this.fails) throw new ZkError('timeout', path);
    this.written.push(`${path} ${healthCodec.decode(data).unreachable.join()}`);
    this.node = { data, version: 0, mzxid: 1, czxid: 1, ephemeralOwner: 'mine' };
    if (this.answersLost) throw new ZkError('timeout', path);
  }
}

const PATH = paths.health('n-1');

test('nothing is written without a session; in one, the report is written once', async (t) => {
  const scene = new Scene();
  await scene.env.run(5_000);
  t.deepEqual(scene.written, []);
  scene.health.useSession(scene.session);
  await scene.env.run(10_000);
  t.deepEqual(scene.written, [`${PATH} `]);
});

test('a report that changes all the time is written every few seconds, and the last change is written', async (t) => {
  const scene = new Scene();
  scene.health.useSession(scene.session);
  for (let i = 0; i < 40; i++) {
    scene.report = { ...scene.report, unreachable: [`n-${i}`] };
    await scene.env.run(250);
  }
  await scene.env.run(5_000);
  t.true(scene.written.length <= 7, `${scene.written.length} writes in 10 s`);
  t.is(scene.written.at(-1), `${PATH} n-39`);
});

test('a failed write is repeated; a znode of another session is waited for', async (t) => {
  const scene = new Scene();
  scene.fails = true;
  scene.health.useSession(scene.session);
  await scene.env.run(5_000);
  scene.fails = false;
  const data = healthCodec.encode(scene.report);
  scene.node = { data, version: 0, mzxid: 1, czxid: 1, ephemeralOwner: 'former' };
  await scene.env.run(5_000);
  t.deepEqual(scene.written, []);
  scene.node = null;
  await scene.env.run(5_000);
  t.deepEqual(scene.written, [`${PATH} `]);
});

test('a write without an answer may have been done: what was there before is written again', async (t) => {
  const scene = new Scene();
  scene.health.useSession(scene.session);
  await scene.env.run(5_000);
  scene.answersLost = true;
  scene.report = { ...scene.report, unreachable: ['n-2'] };
  await scene.env.run(1_000);
  scene.answersLost = false;
  scene.report = { ...scene.report, unreachable: [] };
  await scene.env.run(5_000);
  t.deepEqual(scene.written, [`${PATH} `, `${PATH} n-2`, `${PATH} `]);
});

test('in a new session the report is written although nothing changed', async (t) => {
  const scene = new Scene();
  scene.health.useSession(scene.session);
  await scene.env.run(5_000);
  scene.health.useSession(null);
  scene.node = null;
  scene.health.useSession({ ...scene.session });
  await scene.env.run(5_000);
  t.is(scene.written.length, 2);
});
