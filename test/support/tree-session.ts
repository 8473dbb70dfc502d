// A ZooKeeper session for tests of what writes: multis on the simulator's tree, each noted; a test may change the tree before one
// is tried, lose its answer, or keep it waiting.

import { ZkError, type ZkNode, type ZkOp, type ZkOpResult, type ZkSession } from '../../common/zk/store.ts';
import { ZkTree } from '../sim/world/zk-tree.ts';

/** What becomes of a multi: `answered` as the tree decides, `lost` after that, or `unsent`. */
export type Fate = 'answered' | 'lost' | 'unsent';

const NO_DATA = new Uint8Array(0);

export class TreeSession {
  readonly tree = new ZkTree();
  readonly multis: (readonly ZkOp[])[] = [];
  /** The most that were without an answer at once. */
  mostUnderWay = 0;
  /** Asked before each multi, by its number from 0 on. */
  fate: (number: number) => Fate | Promise<Fate> = () => 'answered';
  #underWay = 0;
  #zxid = 0;

  /** Whoever needs more than these members of a session is not tested with this. */
  readonly session = { ended: false, multi: (ops: readonly ZkOp[]) => this.#multi(ops) } as ZkSession;

  /** Makes the znode and those above it, or sets it. */
  put(path: string, data: Uint8Array = NO_DATA): void {
    const names = path.split('/').slice(1);
    for (const [index] of names.entries()) {
      const at = `/${names.slice(0, index + 1).join('/')}`;
      if (this.tree.get(at) === null) this.#decide([{ kind: 'create', path: at, data, mode: 'persistent' }]);
      else if (at === path) this.#decide([{ kind: 'set', path, data, version: -1 }]);
    }
  }

  node(path: string): ZkNode | null {
    return this.tree.get(path);
  }

  async #multi(ops: readonly ZkOp[]): Promise<readonly ZkOpResult[]> {
    const number = this.multis.push(ops) - 1;
    const path = ops[0]?.path ?? '/';
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.#underWay);
    // Answers come after the turn in which was asked.
    await Promise.resolve();
    const fate = await this.fate(number);
    this.#underWay--;
    if (fate === 'unsent') throw new ZkError('disconnected', path);
    const decision = this.#decide(ops);
    if (fate === 'lost') throw new ZkError('lost', path, { maybeApplied: true });
    if (decision.kind === 'done') return decision.results;
    throw new ZkError(decision.failure, decision.path, { opIndex: decision.opIndex });
  }

  #decide(ops: readonly ZkOp[]) {
    return this.tree.decide(ops, 'session', ++this.#zxid);
  }
}
