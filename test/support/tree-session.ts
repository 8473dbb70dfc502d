// A ZooKeeper session for tests of writers. It executes multis on the simulator's tree and records them. A test may change the
// tree before a multi, lose its answer, or let it wait.

import { ZkError, type ZkNode, type ZkOp, type ZkOpResult, type ZkSession } from '../../common/zk/store.ts';
import { ZkTree } from '../sim/world/zk-tree.ts';

/** What happens to a multi: it is executed and `answered`, executed but its answer is `lost`, or it is `unsent`. */
export type Fate = 'answered' | 'lost' | 'unsent';

const NO_DATA = new Uint8Array(0);

export class TreeSession {
  readonly tree = new ZkTree();
  readonly multis: (readonly ZkOp[])[] = [];
  /** The highest number of multis that were without an answer at the same time. */
  concurrentMax = 0;
  /** Decides before each multi what happens to it; `number` counts from 0. */
  fate: (number: number) => Fate | Promise<Fate> = () => 'answered';
  #underWay = 0;
  #zxid = 0;

  /** It has only these members of a session. */
  readonly session = { ended: false, multi: (ops: readonly ZkOp[]) => this.#multi(ops) } as ZkSession;

  /** Creates the znode and its parents, or sets its data. */
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
    this.concurrentMax = Math.max(this.concurrentMax, ++this.#underWay);
    // Answers never arrive in the turn of the request.
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
