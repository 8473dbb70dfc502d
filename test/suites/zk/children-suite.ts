// Tests of `ZnodeChildren` over each implementation of common/zk/store.ts, real or simulated. It registers one test for each
// behaviour.

import type { ExecutionContext, TestFn } from 'ava';
import { toBytes, utf8OrNull } from '../../../common/base/bytes.ts';
import { type Logger, silentLogger } from '../../../common/base/log.ts';
import { BadDataError } from '../../../common/model/fields.ts';
import type { Zk, ZkNode } from '../../../common/zk/store.ts';
import { ZnodeChildren } from '../../../common/zk/znode-children.ts';
import type { StoreWorld } from './store-suite.ts';

/** A ZooKeeper to which the test writes through a client of its own. */
export interface ChildrenWorld {
  /** The client that observes. */
  readonly zk: Zk;
  put(path: string, data: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
  /** Waits for `promise`. Moves the virtual clock, if there is one. */
  until<T>(promise: Promise<T>): Promise<T>;
}

const PARENT = '/p';
const READY_MS = 60_000;

/** Decodes text. Text that begins with `!` cannot be decoded, and empty text counts as absent. */
function decode(_: string, node: ZkNode): string | null {
  const text = utf8OrNull(node.data) ?? '!';
  if (text.startsWith('!')) throw new BadDataError(`no text: ${text}`);
  return text === '' ? null : text;
}

class Watch {
  readonly children: ZnodeChildren<string>;
  /** The reasons that were logged. */
  readonly logged: string[] = [];
  /** The children that `changed` was called for, in order. */
  readonly reported: string[] = [];
  readonly #world: ChildrenWorld;
  readonly #waiting = new Set<() => void>();

  constructor(world: ChildrenWorld, watchedMax?: () => number) {
    this.#world = world;
    const error = (fields: object) => this.logged.push((fields as { reason: string }).reason);
    const logger: Logger = { ...silentLogger, error };
    this.children = new ZnodeChildren({
      zk: world.zk,
      logger,
      path: PARENT,
      decode,
      changed: (names) => {
        this.reported.push(...names);
        for (const check of this.#waiting) check();
      },
      ...(watchedMax === undefined ? {} : { watchedMax }),
    });
  }

  get contents(): Record<string, string> {
    return Object.fromEntries(this.children.contents);
  }

  put(name: string, text: string): Promise<void> {
    return this.#world.put(`${PARENT}/${name}`, toBytes(text));
  }

  remove(name: string): Promise<void> {
    return this.#world.remove(`${PARENT}/${name}`);
  }

  /** Reads the child from ZooKeeper now. */
  async read(name: string): Promise<ZkNode> {
    const session = await this.#world.zk.ready(READY_MS);
    await session.barrier();
    const node = await session.get(`${PARENT}/${name}`);
    if (node === null || node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  untilHeld(name: string, text: string | undefined): Promise<void> {
    return this.until(() => this.children.contents.get(name) === text);
  }
}

type Story = (t: ExecutionContext, watch: Watch, world: ChildrenWorld) => Promise<void>;

const stories: Readonly<Record<string, Story>> = {
  'children are added, changed and removed, and are sorted by name': async (t, watch) => {
    await watch.put('b', '1');
    await watch.put('a', '1');
    await watch.until(() => watch.children.contents.size === 2);
    t.deepEqual([...watch.children.contents.keys()], ['a', 'b']);
    t.deepEqual(watch.children.names, ['a', 'b']);
    await watch.put('a', '2');
    await watch.untilHeld('a', '2');
    await watch.remove('b');
    await watch.until(() => watch.children.names.length === 1);
    t.deepEqual(watch.contents, { a: '2' });
    t.deepEqual([...new Set(watch.reported)].sort(), ['a', 'b']);
  },

  'a map that was returned never changes': async (t, watch) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    const before = watch.children.contents;
    await watch.put('a', '2');
    await watch.untilHeld('a', '2');
    t.is(before.get('a'), '1');
  },

  'everything is loaded once it has been read, also if there is nothing': async (t, watch) => {
    t.false(watch.children.loaded);
    await watch.children.whenLoaded;
    t.true(watch.children.loaded);
    t.deepEqual(watch.contents, {});
  },

  'a child that cannot be decoded counts as read, has no content and hides nothing': async (
    t,
    watch,
    world,
  ) => {
    await watch.children.whenLoaded;
    await watch.put('a', '!1');
    await watch.put('b', '1');
    await watch.until(() => watch.children.names.length === 2 && watch.children.loaded);
    t.deepEqual(watch.contents, { b: '1' });
    t.deepEqual(watch.logged, ['no text: !1']);
    const late = new Watch(world);
    await late.children.whenLoaded;
    t.deepEqual(late.contents, { b: '1' });
    t.deepEqual(late.logged, ['no text: !1']);
    late.children.close();
  },

  'a child keeps its content while it cannot be decoded, which is logged once for each version': async (
    t,
    watch,
  ) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    await watch.put('a', '!1');
    await watch.until(() => watch.logged.length === 1);
    for (let kick = 0; kick < 3; kick++) {
      watch.children.kick();
      watch.children.learn('a', await watch.read('a'));
    }
    await watch.put('b', '1');
    await watch.untilHeld('b', '1');
    t.deepEqual(watch.contents, { a: '1', b: '1' });
    t.deepEqual(watch.logged, ['no text: !1']);
    await watch.put('a', '!2');
    await watch.until(() => watch.logged.length === 2);
    t.is(watch.children.contents.get('a'), '1');
    await watch.put('a', '2');
    await watch.untilHeld('a', '2');
    t.deepEqual(watch.logged, ['no text: !1', 'no text: !2']);
  },

  'a child that decodes to null counts as absent': async (t, watch) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    await watch.put('a', '');
    await watch.untilHeld('a', undefined);
    t.deepEqual(watch.children.names, ['a']);
    t.deepEqual(watch.logged, []);
  },

  'a child that was deleted and created again has its new content, even with a lower version number': async (
    t,
    watch,
  ) => {
    await watch.put('a', '1');
    for (const text of ['2', '3']) await watch.put('a', text);
    await watch.untilHeld('a', '3');
    await watch.remove('a');
    await watch.put('a', '4');
    await watch.untilHeld('a', '4');
    t.deepEqual(watch.children.names, ['a']);
  },

  'a direct read may be ahead of the observers, and of the list': async (t, watch) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    const old = await watch.read('a');
    await watch.put('a', '2');
    await watch.untilHeld('a', '2');
    const { mzxid } = await watch.read('a');
    watch.children.learn('a', { ...old, data: toBytes('ahead'), mzxid: mzxid + 1 });
    t.is(watch.children.contents.get('a'), 'ahead');
    watch.children.learn('a', old);
    t.is(watch.children.contents.get('a'), 'ahead', 'an older version is ignored');
    await watch.put('b', '1');
    watch.children.learn('b', await watch.read('b'));
    t.is(watch.children.contents.get('b'), '1');
    await watch.put('c', '1');
    await watch.untilHeld('c', '1');
    t.is(watch.children.contents.get('b'), '1', 'the list does not remove it');
  },

  'the content of a deleted child is dropped': async (t, watch) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    const old = await watch.read('a');
    await watch.remove('a');
    await watch.until(() => watch.children.names.length === 0);
    watch.children.learn('a', old);
    await watch.until(() => watch.children.names.length === 0);
    t.deepEqual(watch.contents, {});
    t.true(watch.children.loaded);
  },

  'only the first of too many children are watched': async (t, { children: all }, world) => {
    all.close();
    let max = 2;
    const watch = new Watch(world, () => max);
    for (const name of ['b', 'd', 'a', 'c']) await watch.put(name, name);
    await watch.until(() => watch.children.unwatched === 2 && watch.children.loaded);
    t.deepEqual(watch.contents, { a: 'a', b: 'b' });
    t.is(watch.children.watched, 2);
    max = 3;
    await watch.remove('a');
    await watch.until(() => watch.children.unwatched === 0 && watch.children.loaded);
    t.deepEqual(watch.contents, { b: 'b', c: 'c', d: 'd' });
    watch.children.close();
  },

  'after a close it reports nothing and learns nothing': async (t, watch, world) => {
    await watch.put('a', '1');
    await watch.untilHeld('a', '1');
    const node = await watch.read('a');
    const other = new Watch(world);
    watch.children.close();
    const reported = watch.reported.length;
    watch.children.learn('b', node);
    await watch.put('a', '2');
    await watch.put('c', '1');
    await other.until(() => other.contents.a === '2' && other.contents.c === '1');
    t.is(watch.reported.length, reported);
    t.deepEqual(watch.contents, { a: '1' });
    other.children.close();
  },
};

/** Registers the suite; `world` is called once for each test. */
export function registerChildrenSuite(
  test: TestFn,
  name: string,
  world: (t: ExecutionContext) => Promise<ChildrenWorld>,
): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name}: ${title}`, async (t) => {
      const made = await world(t);
      const run = async () => {
        await made.zk.ready(READY_MS);
        const watch = new Watch(made);
        await story(t, watch, made);
        watch.children.close();
      };
      await made.until(run());
    });
  }
}

/** Makes such a ZooKeeper from a StoreWorld. Writes go through one more client. The first write creates the parent. */
export function childrenOf(world: StoreWorld): ChildrenWorld {
  const writer = world.open();
  const session = async () => {
    const ready = await writer.ready(READY_MS);
    await ready.createRoot();
    return ready;
  };
  return {
    zk: world.open(),
    until: (promise) => world.until(promise),
    async put(path, data) {
      const current = await session();
      if ((await current.get(PARENT)) === null) await current.create(PARENT, new Uint8Array(0), 'persistent');
      const node = await current.get(path);
      if (node === null) await current.create(path, data, 'persistent');
      else await current.set(path, data, node.version);
    },
    async remove(path) {
      const current = await session();
      await current.delete(path, (await current.get(path))?.version ?? 0);
    },
  };
}
