// The consistency checks of the ranges that this node owns. The owner appends an entry that changes nothing. Every replica computes
// its digest at that entry and reports it to the owner. Once all have reported, or a deadline has passed, the digests are compared.
// A check belongs to one epoch. A report from another epoch, or from another inc of a replica, does not count.

import { emptyBytes } from '../../common/base/bytes.ts';
import type { Env, Timer } from '../../common/base/env.ts';
import type { ErrorCode } from '../../common/base/errors.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { Replica } from '../replica/replica.ts';
import { ENTRY_KINDS } from '../storage/storage.ts';
import { type Digest, judge } from './verdict.ts';

/** Interval in which a running check is reviewed, ms. */
const REVIEW_MS = 500;

/** The host of a replica, as a check needs it. */
export interface CheckedHost {
  readonly range: RangeId;
  readonly replica: Pick<Replica, 'ownedEpoch' | 'propose' | 'status'> & {
    readonly image: { readonly descriptor: Pick<Descriptor, 'replicas' | 'inSync'> } | null;
  };
}

export interface DigestReport {
  readonly node: NodeId;
  /** The inc of the node's replica. */
  readonly inc: Inc;
  /** Null: the node declined. */
  readonly digest: Digest | null;
}

export interface RangeChecksOptions<Host extends CheckedHost> {
  readonly env: Env;
  readonly self: NodeId;
  readonly config: Pick<ReplicationConfig, 'checkTimeoutMs'>;
  /** An entry was appended to the host's log. */
  touched(host: Host): void;
  /** A check has ended; null: it was given up. `expected`: the majority's digest if others differ from it, otherwise null. */
  ended(host: Host, check: RangeCheck | null, expected: Digest | null): void;
}

interface RunningCheck<Host> {
  readonly host: Host;
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly begunAt: number;
  /** The other nodes whose reports are waited for, as long as they are in-sync. */
  readonly expected: readonly NodeId[];
  /** A null digest: the node declined. */
  readonly reports: Map<NodeId, Digest | null>;
  /** The check's entry was applied here. */
  applied: boolean;
  /** Until when silent replicas are waited for; null until this node itself has reported. */
  deadline: number | null;
  timer: Timer;
}

export class RangeChecks<Host extends CheckedHost> {
  readonly #options: RangeChecksOptions<Host>;
  readonly #running = new Map<RangeId, RunningCheck<Host>>();
  /** The last ended check of each range. */
  readonly #done = new Map<RangeId, RangeCheck>();

  constructor(options: RangeChecksOptions<Host>) {
    this.#options = options;
  }

  /** Number of running checks. */
  get count(): number {
    return this.#running.size;
  }

  /** Begins a check, or returns the running one. An error code: the check was refused, as a write would be. */
  begin(host: Host): RangeCheck | ErrorCode {
    const { range } = host;
    const epoch = host.replica.ownedEpoch;
    if (epoch === null) return 'NOT_OWNER';
    const present = this.#running.get(range);
    if (present?.epoch === epoch) return describe(present, this.#options.self);
    if (present !== undefined) this.#giveUp(present);
    const { env, touched } = this.#options;
    const begunAt = env.now();
    const expected = streaming(host, begunAt);
    const seq = host.replica.propose(epoch, ENTRY_KINDS.check, emptyBytes, begunAt);
    if (typeof seq === 'string') return seq;
    touched(host);
    const timer = env.after(REVIEW_MS, () => this.#review(running));
    const running: RunningCheck<Host> = {
      ...{ host, epoch, seq, begunAt, expected, timer },
      reports: new Map(),
      applied: false,
      deadline: null,
    };
    this.#running.set(range, running);
    return describe(running, this.#options.self);
  }

  /** The check of the range at `seq`, running or ended; null if it was given up. */
  find(range: RangeId, epoch: Epoch, seq: Seq): RangeCheck | null {
    const running = this.#running.get(range);
    if (running?.epoch === epoch && running.seq === seq) return describe(running, this.#options.self);
    const done = this.#done.get(range);
    return done?.epoch === epoch && done.seq === seq ? done : null;
  }

  /** This node has applied the check's entry. */
  applied(range: RangeId, position: Position): void {
    const running = this.#find(range, position);
    if (running !== undefined) running.applied = true;
  }

  /** A replica has reported its digest. */
  report(range: RangeId, position: Position, { node: from, inc, digest }: DigestReport): void {
    const running = this.#find(range, position);
    const image = running?.host.replica.image;
    if (running === undefined || image === null || image === undefined) return;
    if (image.descriptor.replicas.find(({ node }) => node === from)?.inc !== inc) return;
    running.reports.set(from, digest);
    const { env, self, config } = this.#options;
    if (from === self) {
      const now = env.now();
      // The others have as much to read and may be busier.
      running.deadline = now + config.checkTimeoutMs + 2 * (now - running.begunAt);
    }
    if (this.#isComplete(running)) this.#end(running);
  }

  close(): void {
    for (const running of this.#running.values()) running.timer.cancel();
    this.#running.clear();
  }

  #find(range: RangeId, { epoch, seq }: Position): RunningCheck<Host> | undefined {
    const running = this.#running.get(range);
    return running?.epoch === epoch && running.seq === seq ? running : undefined;
  }

  #review(running: RunningCheck<Host>): void {
    const { env, config } = this.#options;
    const now = env.now();
    const stuck = !running.applied && now - running.begunAt > config.checkTimeoutMs;
    if (running.host.replica.ownedEpoch !== running.epoch || stuck) return this.#giveUp(running);
    if (this.#isComplete(running) || now >= (running.deadline ?? Number.POSITIVE_INFINITY)) {
      return this.#end(running);
    }
    running.timer = env.after(REVIEW_MS, () => this.#review(running));
  }

  /** All awaited nodes have reported. A node that dies leaves the in-sync set and is no longer awaited. */
  #isComplete({ host, expected, reports }: RunningCheck<Host>): boolean {
    const inSync = host.replica.image?.descriptor.inSync ?? [];
    const awaited = expected.filter((node) => inSync.includes(node));
    return reports.has(this.#options.self) && awaited.every((node) => reports.has(node));
  }

  #end(running: RunningCheck<Host>): void {
    const { host, epoch, seq, reports } = running;
    if (host.replica.ownedEpoch !== epoch) return this.#giveUp(running);
    this.#remove(running);
    const judged = judge(
      membersOf(running, this.#options.self).map((node) => ({ node, digest: reports.get(node) ?? null })),
    );
    const { verdict, replicas, expected } = judged;
    const check: RangeCheck = { range: host.range, epoch, seq, verdict, replicas };
    this.#done.set(host.range, check);
    this.#options.ended(host, check, expected);
  }

  #giveUp(running: RunningCheck<Host>): void {
    this.#remove(running);
    this.#options.ended(running.host, null, null);
  }

  #remove({ host, timer }: RunningCheck<Host>): void {
    timer.cancel();
    this.#running.delete(host.range);
  }
}

/** The followers in state `stream`. */
function streaming({ replica }: CheckedHost, now: number): readonly NodeId[] {
  const { followers } = replica.status(now, (at) => at);
  return followers.filter(({ progress }) => progress === 'stream').map(({ node }) => node);
}

/** Every replica of the range, this one first. */
function membersOf({ host }: RunningCheck<CheckedHost>, self: NodeId): readonly NodeId[] {
  const replicas = host.replica.image?.descriptor.replicas ?? [];
  return [self, ...replicas.map(({ node }) => node).filter((node) => node !== self)];
}

function describe(running: RunningCheck<CheckedHost>, self: NodeId): RangeCheck {
  const { host, epoch, seq, reports } = running;
  const replicas = membersOf(running, self).map((node) => {
    const digest = reports.get(node) ?? null;
    return { node, rows: digest?.rows ?? null, checksum: digest?.checksum ?? null, verdict: null };
  });
  return { range: host.range, epoch, seq, verdict: null, replicas };
}
