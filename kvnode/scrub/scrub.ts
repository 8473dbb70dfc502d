// Finds damage before anybody reads it. Once in a period each owner has the replicas of each of its ranges compared at one seq, for
// which every row of every replica is read and verified. Each node also verifies the files of its state store. What a check
// finds goes to the log, the timeline and the metrics. If a majority outvotes a replica, its node gives up its data
// (rebuild.ts). No read and no write waits for anything here.

import type { Env, Timer } from '../../common/base/env.ts';
import type { ErrorCode } from '../../common/base/errors.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import { incOf } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { CheckRequest, DamageVerdict, OneWayBody, ReplicaDigest } from '../../common/wire/messages.ts';
import type { ZkSession } from '../../common/zk/store.ts';
import { BackgroundRateLimiter, clientWork } from '../background-rate-limiter.ts';
import type { CheckListener, RangeHost } from '../range/range-host.ts';
import type { Storage } from '../storage/storage.ts';
import type { EventWriter } from '../zk/event-writer.ts';
import { damageReason, describeCheck } from './check-text.ts';
import { DIGEST_FORMAT } from './digest.ts';
import { Digester } from './digester.ts';
import { RangeChecks } from './range-checks.ts';
import { Rebuild } from './rebuild.ts';
import { ScrubSchedule } from './schedule.ts';
import { type Digest, isEqual } from './verdict.ts';

/** Bounds of the interval in which the schedule is polled, ms. It is also polled after each check. */
const POLL_MS_MAX = 60_000;
const POLL_MS_MIN = 100;
const POLLS_PER_PERIOD = 50;

export interface ScrubOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly self: NodeId;
  readonly storage: Storage;
  readonly config: Pick<ReplicationConfig, 'scrubEveryMs' | 'scrubBytesPerSecond' | 'checkTimeoutMs'>;
  hosts(): Iterable<RangeHost>;
  touched(host: RangeHost): void;
  send(to: NodeId, body: OneWayBody): boolean;
  readonly events: Pick<EventWriter, 'report'>;
  /** The node's name, for texts. */
  nameOf(node: NodeId): string;
  session(): ZkSession | null;
  leaseValid(): boolean;
}

export interface ScrubStats {
  /** Checks that this node made as owner and that found all replicas equal. */
  readonly sound: number;
  /** Checks that this node made as owner and that found replicas which differ. */
  readonly mismatches: number;
  /** Rows of this node's replicas that were read and verified. */
  readonly rows: number;
  /** Bytes of the state store's files that were verified. */
  readonly stateBytes: number;
}

interface OwnDigest {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly digest: Digest;
}

export class Scrub implements CheckListener {
  readonly #options: ScrubOptions;
  readonly #limiter: BackgroundRateLimiter;
  readonly #digester: Digester;
  readonly #checks: RangeChecks<RangeHost>;
  readonly #rebuild: Rebuild;
  readonly #schedule: ScrubSchedule;
  readonly #pollMs: number;
  /** The last digest that this node has reported for each of its replicas. */
  readonly #own = new Map<RangeId, OwnDigest>();
  /** When the replicas of a range were last found equal, an instant of Env.now(), ms. */
  readonly #soundAt = new Map<RangeId, number>();
  readonly #startedAt: number;
  #timer: Timer | null = null;
  #closed = false;
  #sound = 0;
  #mismatches = 0;
  #stateBytes = 0;

  constructor(options: ScrubOptions) {
    this.#options = options;
    const { env, logger, self, storage, config, touched } = options;
    this.#startedAt = env.now();
    this.#limiter = new BackgroundRateLimiter({
      env,
      bytesPerSecond: config.scrubBytesPerSecond,
      clientWork: () => clientWork(storage.stats),
    });
    this.#digester = new Digester({ env, logger, storage, limiter: this.#limiter });
    this.#checks = new RangeChecks({
      ...{ env, self, config, touched },
      ended: (host, check, expected) => this.#ended(host, check, expected),
    });
    this.#rebuild = this.#makeRebuild();
    this.#schedule = new ScrubSchedule(config.scrubEveryMs, () => env.random(), env.now());
    this.#pollMs = Math.max(POLL_MS_MIN, Math.min(POLL_MS_MAX, config.scrubEveryMs / POLLS_PER_PERIOD));
    if (config.scrubEveryMs > 0) this.#pollIn(this.#pollMs);
  }

  #makeRebuild(): Rebuild {
    const { env, logger, self, storage, hosts, session, leaseValid, events, nameOf } = this.#options;
    return new Rebuild({
      ...{ env, logger, self, storage, hosts, session, leaseValid },
      report: (text) => events.report({ kind: 'damage', text: `${nameOf(self)} ${text}`, node: self }),
    });
  }

  /** Why nothing should be owned here: the data must be given up; null if no damage is known. */
  get unhealthyReason(): string | null {
    return this.#rebuild.reason;
  }

  get stats(): ScrubStats {
    const rows = this.#digester.rows;
    return { sound: this.#sound, mismatches: this.#mismatches, rows, stateBytes: this.#stateBytes };
  }

  /** The longest time for which an owned range was not found sound, ms; 0 if none is owned. */
  get oldestSoundMs(): number {
    const now = this.#options.env.now();
    let oldest = now;
    for (const host of this.#owned()) {
      oldest = Math.min(oldest, this.#soundAt.get(host.range) ?? this.#startedAt);
    }
    return now - oldest;
  }

  /**
   * With `seq` 0, begins a check of a range that is owned here in `epoch`, or returns the running one. Otherwise returns the check at
   * `seq`, even if the range has another owner by now: a node that is outvoted itself hands over at once.
   */
  check(host: RangeHost, { epoch, seq }: Pick<CheckRequest, 'epoch' | 'seq'>): RangeCheck | ErrorCode {
    if (seq > 0) return this.#checks.find(host.range, epoch, seq) ?? 'NOT_READY';
    const { ownedEpoch } = host.replica;
    return ownedEpoch === null || ownedEpoch === epoch ? this.#checks.begin(host) : 'STALE_EPOCH';
  }

  /** A check's entry was applied to this replica in this turn. A check of an epoch that is over is ignored. */
  checkApplied(host: RangeHost, position: Position): void {
    const { range, replica } = host;
    if (position.epoch !== replica.epochSeen) return;
    this.#schedule.checked(range, this.#options.env.now());
    this.#checks.applied(range, position);
    this.#digester.begin(range, (digest) => this.#report(host, position, digest));
  }

  receive(host: RangeHost, from: NodeId, body: ReplicaDigest | DamageVerdict): void {
    const { range, inc, epoch, seq } = body;
    if (body.kind === 'replica-digest') {
      const digest = body.format === DIGEST_FORMAT ? body.digest : null;
      return this.#checks.report(range, { epoch, seq }, { node: from, inc, digest });
    }
    const own = this.#own.get(range);
    if (host.wiping || host.replica.isVoid || inc !== host.replica.inc) return;
    if (own?.epoch !== epoch || own.seq !== seq) return;
    if (!isEqual(own.digest, body.expected)) this.#rebuild.begin(damageReason(range, seq));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#checks.close();
    this.#digester.close();
    this.#rebuild.close();
  }

  // ---- checks ------------------------------------------------------------------------------------------------------

  #report({ range, replica }: RangeHost, { epoch, seq }: Position, digest: Digest | null): void {
    const { self, send } = this.#options;
    const { inc } = replica;
    if (digest !== null) this.#own.set(range, { epoch, seq, digest });
    if (replica.ownedEpoch === epoch) this.#checks.report(range, { epoch, seq }, { node: self, inc, digest });
    const descriptor = replica.image?.descriptor;
    if (descriptor?.epoch !== epoch || descriptor.owner.node === self) return;
    const format = DIGEST_FORMAT;
    send(descriptor.owner.node, { kind: 'replica-digest', range, inc, epoch, seq, format, digest });
  }

  #ended(host: RangeHost, check: RangeCheck | null, expected: Digest | null): void {
    if (check !== null) this.#judged(host, check, expected);
    else this.#schedule.retryLater(host.range, this.#options.env.now());
    if (this.#options.config.scrubEveryMs > 0) this.#pollIn(POLL_MS_MIN);
  }

  #judged(host: RangeHost, check: RangeCheck, expected: Digest | null): void {
    const { env, logger, events, nameOf } = this.#options;
    const { range, epoch, seq, verdict, replicas } = check;
    const now = env.now();
    if (verdict === 'sound') {
      this.#sound++;
      this.#soundAt.set(range, now);
    }
    if (verdict === 'sound' || verdict === 'alone') {
      return logger.info({ range, seq, replicas }, `range ${range} was checked: ${verdict}`);
    }
    this.#mismatches++;
    this.#schedule.retryLater(range, now);
    const text = describeCheck(check, nameOf);
    logger.error({ range, epoch, seq, replicas }, text);
    for (const { node, verdict: own } of replicas) {
      if (own !== 'damaged' || expected === null) continue;
      events.report({ kind: 'damage', text, range, node, epoch });
      this.#condemn(host, node, check, expected);
    }
    if (expected === null) events.report({ kind: 'damage', text, range, epoch });
  }

  #condemn({ range, replica }: RangeHost, node: NodeId, { epoch, seq }: RangeCheck, expected: Digest): void {
    const { self, send } = this.#options;
    if (node === self) return this.#rebuild.begin(damageReason(range, seq));
    const inc = replica.image === null ? undefined : incOf(replica.image.descriptor, node);
    if (inc !== undefined) send(node, { kind: 'damage-verdict', range, inc, epoch, seq, expected });
  }

  // ---- the schedule ------------------------------------------------------------------------------------------------

  #owned(): readonly RangeHost[] {
    return [...this.#options.hosts()].filter(({ replica }) => {
      const epoch = replica.ownedEpoch;
      return epoch !== null && replica.readRefusal(epoch) === null;
    });
  }

  #pollIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.env.after(ms, () => this.#poll());
  }

  #poll(): void {
    if (this.#closed) return;
    const now = this.#options.env.now();
    this.#pollIn(this.#pollMs);
    if (this.#schedule.takeState(now)) void this.#verifyState();
    if (this.#checks.count > 0 || this.#options.storage.full) return;
    const owned = this.#owned();
    const due = this.#schedule.dueRange(
      owned.map(({ range }) => range),
      now,
    );
    const host = owned.find(({ range }) => range === due);
    if (host !== undefined && typeof this.#checks.begin(host) === 'string')
      this.#schedule.retryLater(host.range, now);
  }

  async #verifyState(): Promise<void> {
    const { storage, logger } = this.#options;
    try {
      const bytes = await storage.verifyState(async (piece) => {
        await this.#limiter.acquire(piece);
        if (this.#closed) throw new Stopped();
      });
      this.#stateBytes += bytes;
      logger.info({ bytes }, 'the files of the state store were verified');
    } catch (error) {
      // The storage has reported damage, which stops the process.
      if (!(error instanceof Stopped))
        logger.error({ error: String(error) }, 'verifying the state store failed');
    }
  }
}

class Stopped extends Error {}
