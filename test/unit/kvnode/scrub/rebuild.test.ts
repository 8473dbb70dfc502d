// A node whose replica was outvoted gives up its data only if other nodes have all of it. The tests use the simulator's ZooKeeper and up
// to two such nodes at a time.

import test from 'ava';
import { toBytes } from '../../../../common/base/bytes.ts';
import { type Descriptor, FRESH_RANGE } from '../../../../common/model/descriptor.ts';
import { wholeKeySpace } from '../../../../common/model/key-range.ts';
import type { ZkSession } from '../../../../common/zk/store.ts';
import { connectZk } from '../../../../common/zk/zk.ts';
import { descriptorCodec, paths, SKELETON } from '../../../../common/zk/znodes.ts';
import { Rebuild } from '../../../../kvnode/scrub/rebuild.ts';
import type { Process } from '../../../sim/world/host.ts';
import { World } from '../../../sim/world/world.ts';
import { TICK_MS, ZkEnsemble } from '../../../sim/world/zk-ensemble.ts';
import { linksOf } from '../../../sim/world/zk-link.ts';
import { TEST_SESSION } from '../../../support/zookeeper.ts';

/** Long enough for several attempts. */
const SOME_TIME_MS = 8_000;

interface RangePlacement {
  readonly id: number;
  readonly owner: Node;
  readonly members: readonly Node[];
  readonly minInSync?: number;
}

class Node {
  readonly id: string;
  readonly process: Process;
  readonly session: ZkSession;
  readonly rebuild: Rebuild;
  readonly events: string[] = [];
  /** The reason with which it has marked its data directory as damaged; null if it has not. */
  damage: string | null = null;
  leaseValid = true;
  owned = new Set<number>();
  hosted: readonly number[] = [];

  constructor(id: string, process: Process, session: ZkSession) {
    this.id = id;
    this.process = process;
    this.session = session;
    this.rebuild = new Rebuild({
      env: process.env,
      logger: process.host.logger,
      self: id,
      storage: {
        reportDamage: (reason) => {
          this.damage = reason;
        },
      },
      hosts: () =>
        this.hosted.map((range) => ({
          meta: { namespace: 'default', range },
          isOwner: this.owned.has(range),
        })),
      session: () => (session.ended ? null : session),
      leaseValid: () => this.leaseValid,
      report: (text) => this.events.push(text),
    });
  }

  begin(): void {
    this.process.gate(() => this.rebuild.begin('its row is wrong'))();
  }
}

class TestCluster {
  readonly world = new World(7);
  readonly #ensemble = new ZkEnsemble(
    this.world,
    ['zk-1', 'zk-2', 'zk-3'].map((name) => this.world.makeHost(name)),
  );
  #admin: ZkSession | null = null;

  async #connect(name: string): Promise<{ process: Process; session: ZkSession }> {
    const { process, logger } = this.world.makeHost(name);
    const zk = connectZk({
      connect: this.#ensemble.connectString,
      config: { ...TEST_SESSION, sessionMs: 6_000 },
      env: process.env,
      logger,
      tickMs: () => TICK_MS,
      openLink: linksOf(this.#ensemble, process),
    });
    return { process, session: await this.world.until(zk.ready(20_000)) };
  }

  async admin(): Promise<ZkSession> {
    if (this.#admin !== null) return this.#admin;
    this.#admin = (await this.#connect('admin')).session;
    for (const path of [...SKELETON, paths.namespace('default'), paths.ranges('default')]) {
      await this.world.until(this.#admin.create(path, new Uint8Array(0), 'persistent'));
    }
    return this.#admin;
  }

  async node(id: string): Promise<Node> {
    await this.admin();
    const { process, session } = await this.#connect(id);
    await this.world.until(session.create(paths.live(id), toBytes('{}'), 'ephemeral'));
    return new Node(id, process, session);
  }

  async place(place: RangePlacement): Promise<void> {
    const { id, owner, members, minInSync = 1 } = place;
    const descriptor: Descriptor = {
      ...{ namespace: 'default', namespaceId: 1, id, ...wholeKeySpace, epoch: 1, minInSync, nextInc: 9 },
      owner: { node: owner.id, inc: 1, session: owner.session.id },
      replicas: members.map((node) => ({ node: node.id, inc: 1 })),
      inSync: members.map((node) => node.id).sort(),
      ...{ state: 'serving', ...FRESH_RANGE, base: { epoch: 0, seq: 0 } },
      ...{ transferTo: null, retire: null },
    };
    for (const node of members) node.hosted = [...new Set([...node.hosted, id])];
    const session = await this.admin();
    const path = paths.range('default', id);
    const found = await this.world.until(session.get(path));
    const data = descriptorCodec.encode(descriptor);
    if (found === null) await this.world.until(session.create(path, data, 'persistent'));
    else await this.world.until(session.set(path, data, found.version));
  }

  async pass(): Promise<void> {
    const end = this.world.clock.now + SOME_TIME_MS;
    await this.world.clock.run(() => this.world.clock.now >= end);
  }
}

async function nodes(): Promise<{ cluster: TestCluster; a: Node; b: Node; c: Node }> {
  const cluster = new TestCluster();
  return { cluster, a: await cluster.node('a'), b: await cluster.node('b'), c: await cluster.node('c') };
}

test('a node gives up its data once other nodes own its ranges, and writes an event', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c], minInSync: 2 });
  t.is(c.rebuild.reason, null);
  c.begin();
  await cluster.pass();
  t.is(c.rebuild.reason, 'its row is wrong');
  t.is(c.damage, 'its row is wrong');
  t.is(c.events.length, 1);
});

test('an owner waits until it owns nothing, here and in ZooKeeper', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: c, members: [a, b, c] });
  c.owned.add(1);
  c.begin();
  await cluster.pass();
  t.is(c.rebuild.reason, 'its row is wrong');
  t.is(c.damage, null);
  c.owned.clear();
  await cluster.pass();
  t.is(c.damage, null, 'the descriptor still names it as owner');
  await cluster.place({ id: 1, owner: a, members: [a, b, c] });
  await cluster.pass();
  t.not(c.damage, null);
});

test('a node waits while the owner of one of its ranges is not live', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c] });
  await cluster.place({ id: 2, owner: b, members: [b, c] });
  await cluster.world.until(b.session.close());
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
});

test('it waits for an owner, too, while enough other in-sync replicas are live', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c], minInSync: 1 });
  await cluster.world.until(a.session.close());
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
  await cluster.place({ id: 1, owner: b, members: [b, c], minInSync: 1 });
  await cluster.pass();
  t.is(c.damage, 'its row is wrong');
});

test('a node waits while too few in-sync replicas would be left', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, c], minInSync: 2 });
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
  await cluster.place({ id: 1, owner: a, members: [a, b, c], minInSync: 2 });
  await cluster.pass();
  t.not(c.damage, null);
});

test('an in-sync replica whose node is gone does not count', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c], minInSync: 2 });
  await cluster.world.until(b.session.close());
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
});

test('a node waits while one of its ranges has no descriptor', async (t) => {
  const { cluster, c } = await nodes();
  c.hosted = [7];
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
});

test('a node waits while it has no lease, because what it read may be old', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c] });
  c.leaseValid = false;
  c.begin();
  await cluster.pass();
  t.is(c.damage, null);
});

test('two nodes may hold each other’s last good copy: only one gives up its data, and the other waits until that is safe', async (t) => {
  const { cluster, a, b, c } = await nodes();
  await cluster.place({ id: 1, owner: a, members: [a, b, c] });
  await cluster.place({ id: 2, owner: a, members: [a, b, c] });
  b.begin();
  c.begin();
  await cluster.pass();
  const given = [b, c].filter(({ damage }) => damage !== null);
  t.is(given.length, 1);
  const [first] = given as [Node];
  const second = first === b ? c : b;
  // The owner has handed range 2 over to the first node, which is dead now. So the second may hold the last copy.
  await cluster.place({ id: 2, owner: first, members: [second, first] });
  await cluster.world.until(first.session.close());
  await cluster.pass();
  t.is(second.damage, null);
  await cluster.place({ id: 2, owner: a, members: [a, second] });
  await cluster.pass();
  t.not(second.damage, null);
});
