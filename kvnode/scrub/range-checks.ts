// The consistency checks of the ranges that this node owns. The owner appends an entry that changes nothing; every replica
// computes its digest as of that entry and reports it; once all have, or a deadline has passed, their digests are compared.
// A check lives in one epoch: what comes from another one, or from another life of a replica, counts for nothing.

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

/** Looked after so often, ms. */
const LOOK_MS = 500;

/** What a check needs of the replica that it is made for. */
export interface CheckedHost {
  readonly range: RangeId;
  readonly replica: Pick<Replica, 'ownedEpoch' | 'propose' | 'status'> & {
    readonly image: { readonly descriptor: Pick<Descriptor, 'replicas' | 'inSync'> } | null;
  };
}

export interface RangeChecksOptions<Host extends CheckedHost> {
  readonly env: Env;
  readonly self: NodeId;
  readonly config: Pick<ReplicationConfig, 'checkPatienceMs'>;
  /** An entry was appended to the host's log. */
  touched(host: Host): void;
  /** A check has ended. `expected`: what a majority has, where others differ from it. Null: it was given up. */
  ended(host: Host, check: RangeCheck | null, expected: Digest | null): void;
}

interface Running<Host> {
  readonly host: Host;
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly begunAt: number;
  /** Beside this one: waited for while they are in-sync. */
  readonly expected: readonly NodeId[];
  /** Null: declined. */
  readonly reports: Map<NodeId, Digest | null>;
  /** The entry was applied here. */
  applied: boolean;
  /** Silent replicas are waited for until then; null: this node has not reported itself. */
  deadline: number | null;
  timer: Timer;
}

export class RangeChecks<Host extends CheckedHost> {
  readonly #options: RangeChecksOptions<Host>;
  readonly #running = new Map<RangeId, Running<Host>>();
  /** The newest of each range that has ended. */
  readonly #done = new Map<RangeId, RangeCheck>();

  constructor(options: RangeChecksOptions<Host>) {
    this.#options = options;
  }

  /** Checks under way. */
  get count(): number {
    return this.#running.size;
  }

  /** Begins a check, or joins the one under way. A code: refused as a write would be. */
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
    const timer = env.after(LOOK_MS, () => this.#look(running));
    const running: Running<Host> = {
      ...{ host, epoch, seq, begunAt, expected, timer },
      reports: new Map(),
      applied: false,
      deadline: null,
    };
    this.#running.set(range, running);
    return describe(running, this.#options.self);
  }

  /** The check of the range at `seq`, ended or under way; null: it was given up. */
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

  /** A replica has computed its digest; null: it declined. */
  report(from: NodeId, inc: Inc, range: RangeId, position: Position, digest: Digest | null): void {
    const running = this.#find(range, position);
    const image = running?.host.replica.image;
    if (running === undefined || image === null || image === undefined) return;
    if (image.descriptor.replicas.find(({ node }) => node === from)?.inc !== inc) return;
    running.reports.set(from, digest);
    const { env, self, config } = this.#options;
    if (from === self) {
      const now = env.now();
      // The others have as much to read, and may be busier.
      running.deadline = now + config.checkPatienceMs + 2 * (now - running.begunAt);
    }
    if (this.#isComplete(running)) this.#end(running);
  }

  close(): void {
    for (const running of this.#running.values()) running.timer.cancel();
    this.#running.clear();
  }

  #find(range: RangeId, { epoch, seq }: Position): Running<Host> | undefined {
    const running = this.#running.get(range);
    return running?.epoch === epoch && running.seq === seq ? running : undefined;
  }

  #look(running: Running<Host>): void {
    const { env, config } = this.#options;
    const now = env.now();
    const stuck = !running.applied && now - running.begunAt > config.checkPatienceMs;
    if (running.host.replica.ownedEpoch !== running.epoch || stuck) return this.#giveUp(running);
    if (this.#isComplete(running) || now >= (running.deadline ?? Number.POSITIVE_INFINITY)) {
      return this.#end(running);
    }
    running.timer = env.after(LOOK_MS, () => this.#look(running));
  }

  /** A node that dies leaves the in-sync set, and nobody waits for it any more. */
  #isComplete({ host, expected, reports }: Running<Host>): boolean {
    const inSync = host.replica.image?.descriptor.inSync ?? [];
    const awaited = expected.filter((node) => inSync.includes(node));
    return reports.has(this.#options.self) && awaited.every((node) => reports.has(node));
  }

  #end(running: Running<Host>): void {
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

  #giveUp(running: Running<Host>): void {
    this.#remove(running);
    this.#options.ended(running.host, null, null);
  }

  #remove({ host, timer }: Running<Host>): void {
    timer.cancel();
    this.#running.delete(host.range);
  }
}

/** The followers that take entries as they come. */
function streaming({ replica }: CheckedHost, now: number): readonly NodeId[] {
  const { followers } = replica.status(now, (at) => at);
  return followers.filter(({ progress }) => progress === 'stream').map(({ node }) => node);
}

/** Every replica of the range, this one first. */
function membersOf({ host }: Running<CheckedHost>, self: NodeId): readonly NodeId[] {
  const replicas = host.replica.image?.descriptor.replicas ?? [];
  return [self, ...replicas.map(({ node }) => node).filter((node) => node !== self)];
}

function describe(running: Running<CheckedHost>, self: NodeId): RangeCheck {
  const { host, epoch, seq, reports } = running;
  const replicas = membersOf(running, self).map((node) => {
    const digest = reports.get(node) ?? null;
    return { node, rows: digest?.rows ?? null, checksum: digest?.checksum ?? null, verdict: null };
  });
  return { range: host.range, epoch, seq, verdict: null, replicas };
}
