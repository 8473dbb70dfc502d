// The twin of a ZooKeeper ensemble of three servers; test/suites/zk checks it beside real ones. One leader orders the writes. Each
// server applies them at its own pace and answers reads from what it has applied. The leader pings the servers every tickTime/2,
// and prolongs the sessions that they report in their answers. A session ends at a tick of the leader's clock. A server that is
// cut off from the others still answers reads for a while.

import { toHex } from '../../../common/base/bytes.ts';
import type { ZkOp, ZkOpResult } from '../../../common/zk/store.ts';
import type { Host } from './host.ts';
import type { World } from './world.ts';
import { ZkServer } from './zk-server.ts';
import { type Change, type Decision, type Transaction, ZkTree } from './zk-tree.ts';

export const TICK_MS = 200;
/** Time after which a server that is cut off from its leader drops its clients, ms. */
const SYNC_LIMIT_MS = 5 * TICK_MS;

export interface ServerSession {
  readonly id: string;
  readonly password: string;
  readonly timeoutMs: number;
  /** When it ends, on the leader's clock, ms. */
  deadline: number;
  /** The connection that uses the session now. */
  owner: object | null;
}

/** All data of the ensemble at one moment, as a backup has it. */
export interface ZkCopy {
  readonly tree: ZkTree;
  readonly sessions: readonly ServerSession[];
}

export type Committed =
  | { readonly kind: 'done'; readonly zxid: number; readonly results: readonly ZkOpResult[] }
  | { readonly kind: 'refused'; readonly zxid: number; readonly decision: Decision & { kind: 'refused' } }
  | { readonly kind: 'ended'; readonly zxid: number };

export class ZkEnsemble {
  readonly world: World;
  readonly servers: readonly ZkServer[];
  #sessions = new Map<string, ServerSession>();
  #tree = new ZkTree();
  /** The data from before empty(); null: the ensemble is not emptied. */
  #lost: { readonly sessions: Map<string, ServerSession>; readonly tree: ZkTree } | null = null;
  readonly log: Transaction[] = [];
  /** Called for every transaction that changed something. */
  onCommit: (changes: readonly Change[], tree: ZkTree) => void = () => {};
  /** Called when the ensemble was restored from an older copy. */
  onRestored: (tree: ZkTree) => void = () => {};
  leader: ZkServer;
  /** A write that has reached the leader is committed up to this much later, ms, and after all that reached it before. */
  commitMs = 0;
  #lastCommitAt = 0;
  #elections = 0;
  #zxid = 0;
  #nextSession = 1;
  /** There is no leader before this time of the world, ms. */
  #electedAt = 0;

  constructor(world: World, hosts: readonly Host[]) {
    this.world = world;
    this.servers = hosts.map((host) => new ZkServer(this, host));
    this.leader = this.servers[0] as ZkServer;
    world.clock.after(TICK_MS / 2, () => this.#ping());
    world.clock.after(TICK_MS, () => this.#expire());
  }

  get sessions(): ReadonlyMap<string, ServerSession> {
    return this.#sessions;
  }

  /** The committed tree. */
  get tree(): ZkTree {
    return this.#tree;
  }

  /** Whether its data are lost for now. */
  get isEmptied(): boolean {
    return this.#lost !== null;
  }

  get connectString(): string {
    return this.servers.map(({ host }) => `${host.name}:2181`).join(',');
  }

  get hasLeader(): boolean {
    return this.world.clock.now >= this.#electedAt && this.leader.state === 'up';
  }

  server(name: string): ZkServer | undefined {
    return this.servers.find(({ host }) => host.name === name);
  }

  /** Whether the server can have a write committed now. */
  reachesLeader(server: ZkServer): boolean {
    return this.hasLeader && server.state === 'up';
  }

  // ---- writes ----------------------------------------------------------------------------------------------------

  openSession(timeoutMs: number): ServerSession {
    const id = (0x1000_0000_0000n + BigInt(this.#nextSession++)).toString(16).padStart(16, '0');
    const password = toHex(Uint8Array.from({ length: 16 }, () => this.world.rng.below(256)));
    const session = { id, password, timeoutMs, deadline: 0, owner: null };
    this.touch(session);
    this.#sessions.set(id, session);
    this.#commit([]);
    return session;
  }

  closeSession(session: ServerSession): number {
    if (!this.#sessions.delete(session.id)) return this.#zxid;
    const gone = this.tree.ephemeralsOf(session.id).map((path) => ({ path, node: null }));
    this.tree.apply(gone);
    const zxid = this.#commit(gone);
    for (const server of this.servers) server.sessionClosed(session.id, zxid);
    return zxid;
  }

  write(session: ServerSession, ops: readonly ZkOp[]): Committed {
    if (!this.sessions.has(session.id)) return { kind: 'ended', zxid: this.#zxid };
    const decision = this.tree.decide(ops, session.id, this.#zxid + 1);
    if (decision.kind === 'refused') return { kind: 'refused', zxid: this.#commit([]), decision };
    const zxid = this.#commit(decision.changes);
    return { kind: 'done', zxid, results: decision.results };
  }

  #commit(changes: readonly Change[]): number {
    const transaction = { zxid: ++this.#zxid, changes };
    this.log.push(transaction);
    this.world.clock.mark(transaction.zxid);
    if (changes.length > 0 && !this.isEmptied) this.onCommit(changes, this.tree);
    for (const server of this.servers) server.deliver(transaction);
    return transaction.zxid;
  }

  /** Runs what commits a write that has reached the leader. It never does if another leader is elected before. */
  inOrder(commit: () => void): void {
    const { clock } = this.world;
    const elections = this.#elections;
    const waits = this.commitMs > 0 || this.#lastCommitAt > clock.now;
    if (!waits) return commit();
    const at = Math.max(this.#lastCommitAt, clock.now + this.world.between(0, this.commitMs));
    this.#lastCommitAt = at;
    clock.after(at - clock.now, () => elections === this.#elections && this.hasLeader && commit());
  }

  // ---- sessions --------------------------------------------------------------------------------------------------

  touch(session: ServerSession): void {
    const due = this.leader.host.now() + session.timeoutMs;
    session.deadline = Math.max(session.deadline, Math.ceil(due / TICK_MS) * TICK_MS);
  }

  /** The leader pings the servers. Their answers name the sessions of which they received requests. */
  #ping(): void {
    this.world.clock.after(TICK_MS / 2 / this.leader.host.rate, () => this.#ping());
    if (!this.hasLeader) return;
    for (const server of this.servers) {
      if (server.state !== 'up') continue;
      const hop = server === this.leader ? 0 : this.world.between(0.2, 3);
      this.world.clock.after(hop, () => {
        if (server.state !== 'up') return;
        const touched = server.takeTouched();
        this.world.clock.after(hop, () => {
          if (!this.hasLeader) return;
          for (const id of touched) {
            const session = this.sessions.get(id);
            if (session !== undefined) this.touch(session);
          }
        });
      });
    }
  }

  #expire(): void {
    this.world.clock.after(TICK_MS / this.leader.host.rate, () => this.#expire());
    if (!this.hasLeader) return;
    const now = this.leader.host.now();
    for (const session of [...this.sessions.values()]) {
      if (session.deadline > now) continue;
      this.world.story.record('zk', `session ${session.id} expires`);
      this.closeSession(session);
    }
  }

  // ---- faults ----------------------------------------------------------------------------------------------------

  /** Elects a leader, which leads after `ms`. All connections are lost, and every session gets its full timeout again. */
  elect(ms: number): void {
    const able = this.servers.filter(({ state }) => state === 'up');
    this.leader = this.world.rng.pick(able.length > 0 ? able : this.servers);
    this.#electedAt = this.world.clock.now + ms;
    this.#elections++;
    for (const server of this.servers) if (server.state === 'up') server.dropClients('no leader');
    this.world.clock.after(ms, () => {
      // The new leader's clock differs from the old one's.
      for (const session of this.sessions.values()) {
        session.deadline = 0;
        this.touch(session);
      }
    });
  }

  /** Restarts all servers without data. Their transaction ids are above all that clients have seen, so that these notice nothing. */
  empty(): void {
    this.#lost = { sessions: this.#sessions, tree: this.#tree };
    this.#restartWith(new Map(), new ZkTree());
  }

  /** Restarts all servers with the data from before empty(), again with higher transaction ids. */
  undoEmpty(): void {
    if (this.#lost === null) return;
    const { sessions, tree } = this.#lost;
    this.#lost = null;
    this.#restartWith(sessions, tree);
  }

  copy(): ZkCopy {
    return {
      tree: this.#tree.copy(),
      sessions: [...this.#sessions.values()].map((session) => ({ ...session })),
    };
  }

  /**
   * Restarts all servers with an older copy of their data. No client may be running: it would have seen newer transactions, and
   * real servers would refuse it.
   */
  restoreBackup({ tree, sessions }: ZkCopy): void {
    this.#restartWith(
      new Map(sessions.map((session) => [session.id, { ...session, owner: null }])),
      tree.copy(),
    );
    this.onRestored(this.#tree);
  }

  #restartWith(sessions: Map<string, ServerSession>, tree: ZkTree): void {
    this.#sessions = sessions;
    this.#tree = tree;
    const transaction = { zxid: ++this.#zxid, changes: [], replacement: tree.copy() };
    this.log.push(transaction);
    this.world.clock.mark(transaction.zxid);
    for (const server of this.servers) {
      if (server.state === 'isolated') this.stop(server);
      if (server.state === 'up') server.restartWith(this.log);
    }
    this.#electOther(this.world.between(200, 1_500));
  }

  /** Cuts a server off from the others. It answers reads from what it has for a while, then drops its clients. */
  isolate(server: ZkServer): void {
    if (server.state !== 'up') return;
    server.state = 'isolated';
    if (server === this.leader) {
      const electionMs = this.world.between(200, 1_500);
      this.world.clock.after(this.world.between(0, SYNC_LIMIT_MS), () => {
        if (server === this.leader && server.state !== 'up') this.#electOther(electionMs);
      });
    }
    this.world.clock.after(SYNC_LIMIT_MS, () => {
      if (server.state === 'isolated') server.dropClients('lost its leader');
      if (server.state === 'isolated') server.state = 'down';
    });
  }

  stop(server: ZkServer): void {
    server.state = 'down';
    server.dropClients('stopped');
    if (server === this.leader) this.#electOther(this.world.between(200, 1_500));
  }

  /** Connects a server with the others again; it then has all that is committed. */
  rejoin(server: ZkServer): void {
    if (server.state === 'up') return;
    server.dropClients('rejoins');
    server.catchUp(this.log);
    server.state = 'up';
    if (this.leader.state !== 'up') this.#electOther(this.world.between(100, 500));
  }

  #electOther(ms: number): void {
    if (this.servers.some(({ state }) => state === 'up')) this.elect(ms);
  }
}
