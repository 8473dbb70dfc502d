// The children of a znode: the suite over the twin that client tests use, and tests that need observers which answer when the test
// says so.

import test from 'ava';
import { silentLogger } from '../../../common/base/log.ts';
import type { Observer, Zk, ZkNode } from '../../../common/zk/store.ts';
import { ZnodeChildren } from '../../../common/zk/znode-children.ts';
import { registerChildrenSuite } from '../../suites/zk/children-suite.ts';
import { MemoryZk } from '../../support/memory-zk.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

registerChildrenSuite(test, 'memory', async () => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  return {
    zk,
    put: async (path, data) => zk.put(path, data),
    remove: async (path) => zk.remove(path),
    until: (promise) => env.until(promise),
  };
});

/** Observers that report what the test gives them. */
class Script {
  readonly kicks: string[] = [];
  readonly zk: Pick<Zk, 'observeData' | 'observeChildren'> = {
    observeData: (path, listener) => this.#observer(path, this.#data, listener),
    observeChildren: (path, listener) => this.#observer(`${path}/`, this.#lists, listener),
  };
  readonly #data = new Map<string, (node: ZkNode | null) => void>();
  readonly #lists = new Map<string, (names: readonly string[] | null) => void>();

  get observed(): readonly string[] {
    return [...this.#data.keys(), ...this.#lists.keys()].sort();
  }

  list(...names: string[]): void {
    this.#lists.get('/p/')?.(names);
  }

  /** null: the child is absent. */
  child(name: string, mzxid: number | null): void {
    this.#data.get(`/p/${name}`)?.(mzxid === null ? null : node(mzxid));
  }

  #observer<T>(path: string, open: Map<string, T>, listener: T): Observer {
    if (open.has(path)) throw new Error(`${path} is observed twice`);
    open.set(path, listener);
    return { kick: () => this.kicks.push(path), close: () => open.delete(path) };
  }
}

function node(mzxid: number): ZkNode {
  return { data: new Uint8Array(0), version: 0, mzxid, czxid: 1, ephemeralOwner: null };
}

function world() {
  const script = new Script();
  let changes = 0;
  const children = new ZnodeChildren<number>({
    zk: script.zk as Zk,
    logger: silentLogger,
    path: '/p',
    decode: (_, { mzxid }) => mzxid,
    changed: () => changes++,
  });
  return { script, children, contents: () => [...children.contents], changes: () => changes };
}

test('there is one observer for the list and one for each child', (t) => {
  const { script, children } = world();
  script.list('a', 'b');
  script.list('b', 'c');
  children.learn('c', node(1));
  children.learn('d', node(1));
  t.deepEqual(script.observed, ['/p/', '/p/b', '/p/c', '/p/d']);
  children.close();
  t.deepEqual(script.observed, []);
});

test('loaded is true once everything has been read, and a new child makes it false', (t) => {
  const { script, children } = world();
  const steps: readonly (readonly [what: string, step: () => void, loaded: boolean])[] = [
    ['nothing was read', () => {}, false],
    ['two are listed', () => script.list('a', 'b'), false],
    ['one of them was read', () => script.child('a', 1), false],
    ['the other one is absent', () => script.child('b', null), true],
    ['a new one is listed', () => script.list('a', 'c'), false],
    ['it went before it was read', () => script.list('a'), true],
    ['another one was read ahead of the list', () => children.learn('d', node(2)), true],
  ];
  for (const [what, step, loaded] of steps) {
    step();
    t.is(children.loaded, loaded, what);
  }
});

test('the later version counts, whether an observer or a direct read brings it', (t) => {
  const { script, children, contents } = world();
  script.list('a');
  children.learn('a', node(5));
  script.child('a', 4);
  t.deepEqual(contents(), [['a', 5]]);
  script.child('a', 6);
  children.learn('a', node(5));
  t.deepEqual(contents(), [['a', 6]]);
  script.child('a', null);
  children.learn('a', node(6));
  t.deepEqual(contents(), [], 'what was deleted does not come back');
  script.child('a', 7);
  t.deepEqual(contents(), [['a', 7]]);
});

test('an older list removes no child of a later direct read; reading the child shows whether it is gone', (t) => {
  const { script, children, contents } = world();
  script.list('a');
  script.child('a', 1);
  children.learn('b', node(2));
  script.list('a');
  t.deepEqual(contents(), [
    ['a', 1],
    ['b', 2],
  ]);
  t.true(script.kicks.includes('/p/b'));
  script.child('b', null);
  t.deepEqual(children.names, ['a']);
  t.deepEqual(script.observed, ['/p/', '/p/a']);
});

test('if a listed child is absent, the list is read again', (t) => {
  const { script, children } = world();
  script.list('a');
  script.child('a', null);
  t.deepEqual(script.kicks, ['/p/']);
  t.deepEqual(children.names, ['a']);
});

test('one child or all of them are read again', (t) => {
  const { script, children } = world();
  script.list('a', 'b');
  children.kickChild('b');
  children.kickChild('c');
  t.deepEqual(script.kicks, ['/p/b']);
  children.kick();
  t.deepEqual(script.kicks, ['/p/b', '/p/', '/p/a', '/p/b']);
});

test('a version that is known already is not a change', (t) => {
  const { script, children, changes } = world();
  script.list('a');
  script.child('a', 1);
  const before = changes();
  script.child('a', 1);
  children.learn('a', node(1));
  t.is(changes(), before);
});
