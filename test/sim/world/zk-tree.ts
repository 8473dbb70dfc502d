// One server's copy of ZooKeeper's tree, and transactions on it. The leader's copy decides what a write changes. Every server
// then applies the list of changes in order.

import { present } from '../../../common/base/assert.ts';
import type { ZkFailure, ZkNode, ZkOp, ZkOpResult } from '../../../common/zk/store.ts';

interface Entry {
  readonly node: ZkNode;
  readonly children: Set<string>;
  /** The number of children that were ever created, from which sequence numbers are made. */
  readonly made: number;
}

export interface Change {
  readonly path: string;
  /** Null: deleted. */
  readonly node: ZkNode | null;
}

export interface Transaction {
  readonly zxid: number;
  readonly changes: readonly Change[];
  /** Replaces the complete tree: the servers were restarted with other data. */
  readonly replacement?: ZkTree;
}

export type Decision =
  | { readonly kind: 'done'; readonly changes: readonly Change[]; readonly results: readonly ZkOpResult[] }
  | {
      readonly kind: 'refused';
      readonly failure: ZkFailure;
      readonly path: string;
      readonly opIndex: number;
    };

/** Of one operation of a multi. */
type OpDecision =
  | { readonly kind: 'allowed'; readonly change: Change | null; readonly result: ZkOpResult }
  | { readonly kind: 'refused'; readonly failure: ZkFailure };

const NO_DATA = new Uint8Array(0);

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export class ZkTree {
  readonly #entries = new Map<string, Entry>();

  constructor() {
    const node = { data: NO_DATA, version: 0, mzxid: 0, czxid: 0, ephemeralOwner: null };
    this.#entries.set('/', { node, children: new Set(), made: 0 });
  }

  copy(): ZkTree {
    const copy = new ZkTree();
    for (const [path, entry] of this.#entries)
      copy.#entries.set(path, { ...entry, children: new Set(entry.children) });
    return copy;
  }

  get(path: string): ZkNode | null {
    return this.#entries.get(path)?.node ?? null;
  }

  children(path: string): readonly string[] | null {
    const entry = this.#entries.get(path);
    return entry === undefined ? null : [...entry.children].sort();
  }

  ephemeralsOf(session: string): readonly string[] {
    return [...this.#entries].filter(([, { node }]) => node.ephemeralOwner === session).map(([path]) => path);
  }

  get paths(): Iterable<string> {
    return this.#entries.keys();
  }

  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#applyOne(change);
  }

  /** Executes a multi: all operations or none. If it is done, its changes are already in this tree. */
  decide(ops: readonly ZkOp[], session: string, zxid: number): Decision {
    const undo: (readonly [string, Entry | undefined])[] = [];
    const changes: Change[] = [];
    const results: ZkOpResult[] = [];
    for (const [opIndex, op] of ops.entries()) {
      const outcome = this.#decideOne(op, session, zxid);
      if (outcome.kind === 'refused') {
        this.#undo(undo);
        return { kind: 'refused', failure: outcome.failure, path: op.path, opIndex };
      }
      results.push(outcome.result);
      if (outcome.change === null) continue;
      changes.push(outcome.change);
      undo.push(...this.#saved(outcome.change.path));
      this.#applyOne(outcome.change);
    }
    return { kind: 'done', changes, results };
  }

  #saved(path: string): (readonly [string, Entry | undefined])[] {
    return [path, parentOf(path)].map((one) => {
      const entry = this.#entries.get(one);
      return [
        one,
        entry === undefined ? undefined : { ...entry, children: new Set(entry.children) },
      ] as const;
    });
  }

  #undo(saved: readonly (readonly [string, Entry | undefined])[]): void {
    for (const [path, entry] of saved.toReversed()) {
      if (entry === undefined) this.#entries.delete(path);
      else this.#entries.set(path, entry);
    }
  }

  #decideOne(op: ZkOp, session: string, zxid: number): OpDecision {
    const known = this.#entries.get(op.path);
    if (op.kind === 'create') return this.#decideCreate(op, session, zxid);
    if (known === undefined) return { kind: 'refused', failure: 'no-node' };
    const { node } = known;
    if (op.version !== -1 && op.version !== node.version) return { kind: 'refused', failure: 'bad-version' };
    switch (op.kind) {
      case 'check':
        return { kind: 'allowed', change: null, result: { kind: 'done' } };
      case 'delete':
        if (known.children.size > 0) return { kind: 'refused', failure: 'not-empty' };
        return { kind: 'allowed', change: { path: op.path, node: null }, result: { kind: 'done' } };
      case 'set': {
        const version = node.version + 1;
        const next = { ...node, data: op.data.slice(), version, mzxid: zxid };
        return {
          kind: 'allowed',
          change: { path: op.path, node: next },
          result: { kind: 'set', version },
        };
      }
    }
  }

  #decideCreate(op: ZkOp & { kind: 'create' }, session: string, zxid: number): OpDecision {
    const parent = this.#entries.get(parentOf(op.path));
    if (parent === undefined) return { kind: 'refused', failure: 'no-node' };
    const sequential = op.mode.endsWith('-sequential');
    const path = sequential ? op.path + String(parent.made).padStart(10, '0') : op.path;
    if (this.#entries.has(path)) return { kind: 'refused', failure: 'node-exists' };
    const ephemeralOwner = op.mode.startsWith('ephemeral') ? session : null;
    const node = { data: op.data.slice(), version: 0, mzxid: zxid, czxid: zxid, ephemeralOwner };
    return { kind: 'allowed', change: { path, node }, result: { kind: 'created', path } };
  }

  #applyOne({ path, node }: Change): void {
    const known = this.#entries.get(path);
    if (known !== undefined && node !== null) {
      this.#entries.set(path, { ...known, node });
      return;
    }
    const parentPath = parentOf(path);
    const parent = present(this.#entries.get(parentPath), `parent of ${path}`);
    if (node === null) {
      this.#entries.delete(path);
      parent.children.delete(nameOf(path));
    } else {
      this.#entries.set(path, { node, children: new Set(), made: 0 });
      parent.children.add(nameOf(path));
      this.#entries.set(parentPath, { ...parent, made: parent.made + 1 });
    }
  }
}
