// Finds damage before somebody reads it. Once in a period each owner has the replicas of each of its ranges compared at one
// seq, which reads and verifies every row of every replica; each node verifies the files of its state store as well. What a
// check finds goes to the log, the timeline and the metrics; a replica that a majority has outvoted is given up (rebuild.ts).
// The node calls this, and this calls the node; nothing here is in the way of a read or a write.

import type { Env, Timer } from '../../common/base/env.ts';
import type { ErrorCode } from '../../common/base/errors.ts';
import type { Logger } from '../../common/base/log.ts';
import type { ReplicationConfig } from '../../common/model/config.ts';
import { incOf } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import type { CheckRequest, DamageVerdict, OneWayBody, ReplicaDigest } from '../../common/wire/messages.ts';
import type { ZkSession } from '../../common/zk/store.ts';
import { BackgroundPace, clientWork } from '../background-rate-limiter.ts';
import type { CheckListener, RangeHost } from '../range/range-host.ts';
import type { Storage } from '../storage/storage.ts';
import type { EventWriter } from '../zk/event-writer.ts';
import { reasonOf, storyOf } from './check-text.ts';
import { DIGEST_FORMAT } from './digest.ts';
import { Digester } from './digester.ts';
import { RangeChecks } from './range-checks.ts';
import { Rebuild } from './rebuild.ts';
import { ScrubSchedule } from './schedule.ts';
import { type Digest, isEqual } from './verdict.ts';

/** What is due is looked for so often at most, ms, and after each check. */
const LOOK_MS_MAX = 60_000;
const LOOK_MS_MIN = 100;
const LOOKS_PER_PERIOD = 50;

export interface ScrubOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly self: NodeId;
  readonly storage: Storage;
  readonly config: Pick<ReplicationConfig, 'scrubEveryMs' | 'scrubBytesPerSecond' | 'checkPatienceMs'>;
  hosts(): Iterable<RangeHost>;
  touched(host: RangeHost): void;
  send(to: NodeId, body: OneWayBody): boolean;
  readonly events: Pick<EventWriter, 'report'>;
  /** What people call the node. */
  nameOf(node: NodeId): string;
  session(): ZkSession | null;
  leaseValid(): boolean;
}

export interface ScrubStats {
  /** Checks by this node as owner that found all replicas equal. */
  readonly sound: number;
  /** Those that found replicas that differ. */
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
  readonly #pace: BackgroundPace;
  readonly #digester: Digester;
  readonly #checks: RangeChecks<RangeHost>;
  readonly #rebuild: Rebuild;
  readonly #schedule: ScrubSchedule;
  readonly #lookMs: number;
  /** What this node has reported last for each of its replicas. */
  readonly #own = new Map<RangeId, OwnDigest>();
  /** When the replicas of a range were last found equal, an instant of Env.now(). */
  readonly #soundAt = new Map<RangeId, number>();
  readonly #startedAt: number;
  #timer: Timer | null = null;
  #closed = false;
  #sound = 0;
  #mismatches = 0;
  #stateBytes = 0;

  constructor(options: ScrubOptions) {
    this.#options = options;
    const { env, logger, self, storage, config } = options;
    this.#startedAt = env.now();
    const work = () => clientWork(storage.stats);
    this.#pace = new BackgroundPace({ env, bytesPerSecond: config.scrubBytesPerSecond, work });
    this.#digester = new Digester({ env, logger, storage, pace: this.#pace });
    this.#checks = new RangeChecks({
      ...{ env, self, config },
      touched: (host) => options.touched(host),
      ended: (host, check, expected) => this.#ended(host, check, expected),
    });
    this.#rebuild = new Rebuild({
      ...{ env, logger, self, storage },
      hosts: () => options.hosts(),
      session: () => options.session(),
      leaseValid: () => options.leaseValid(),
      tell: (text) => {
        options.events.report({ kind: 'damage', text: `${options.nameOf(self)} ${text}`, node: self });
      },
    });
    this.#schedule = new ScrubSchedule(config.scrubEveryMs, () => env.random(), env.now());
    this.#lookMs = Math.max(LOOK_MS_MIN, Math.min(LOOK_MS_MAX, config.scrubEveryMs / LOOKS_PER_PERIOD));
    if (config.scrubEveryMs > 0) this.#lookIn(this.#lookMs);
  }

  /** Why nothing should be owned here, in words: the data is to be given up; null: nothing is known of damage. */
  get unfit(): string | null {
    return this.#rebuild.reason;
  }

  get stats(): ScrubStats {
    const rows = this.#digester.rows;
    return { sound: this.#sound, mismatches: this.#mismatches, rows, stateBytes: this.#stateBytes };
  }

  /** Since when, at most, the replicas of some range owned here were not found equal, ms; 0 where none is owned. */
  get oldestSoundMs(): number {
    const now = this.#options.env.now();
    let oldest = now;
    for (const host of this.#owned()) {
      oldest = Math.min(oldest, this.#soundAt.get(host.range) ?? this.#startedAt);
    }
    return now - oldest;
  }

  /**
   * `seq` 0: begins a check of a range owned here in `epoch`, or joins the one under way. Else what has become of the check at
   * `seq`, also when the range has another owner by now: a node that was outvoted itself hands over at once.
   */
  check(host: RangeHost, { epoch, seq }: Pick<CheckRequest, 'epoch' | 'seq'>): RangeCheck | ErrorCode {
    if (seq > 0) return this.#checks.find(host.range, epoch, seq) ?? 'NOT_READY';
    const { ownedEpoch } = host.replica;
    return ownedEpoch === null || ownedEpoch === epoch ? this.#checks.begin(host) : 'STALE_EPOCH';
  }

  /** A check's entry was applied to this replica in this turn. One of an epoch that is over interests nobody. */
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
      return this.#checks.report(from, inc, range, { epoch, seq }, digest);
    }
    const own = this.#own.get(range);
    if (host.wiping || host.replica.isVoid || inc !== host.replica.inc) return;
    if (own?.epoch !== epoch || own.seq !== seq) return;
    if (!isEqual(own.digest, body.expected)) this.#rebuild.begin(reasonOf(range, seq));
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
    if (replica.ownedEpoch === epoch) this.#checks.report(self, inc, range, { epoch, seq }, digest);
    const descriptor = replica.image?.descriptor;
    if (descriptor?.epoch !== epoch || descriptor.owner.node === self) return;
    const format = DIGEST_FORMAT;
    send(descriptor.owner.node, { kind: 'replica-digest', range, inc, epoch, seq, format, digest });
  }

  #ended(host: RangeHost, check: RangeCheck | null, expected: Digest | null): void {
    if (check !== null) this.#judged(host, check, expected);
    else this.#schedule.again(host.range, this.#options.env.now());
    if (this.#options.config.scrubEveryMs > 0) this.#lookIn(LOOK_MS_MIN);
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
    this.#schedule.again(range, now);
    const text = storyOf(check, nameOf);
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
    if (node === self) return this.#rebuild.begin(reasonOf(range, seq));
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

  #lookIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.env.after(ms, () => this.#look());
  }

  #look(): void {
    if (this.#closed) return;
    const now = this.#options.env.now();
    this.#lookIn(this.#lookMs);
    if (this.#schedule.takeState(now)) void this.#verifyState();
    if (this.#checks.count > 0 || this.#options.storage.full) return;
    const owned = this.#owned();
    const due = this.#schedule.dueRange(
      owned.map(({ range }) => range),
      now,
    );
    const host = owned.find(({ range }) => range === due);
    if (host !== undefined && typeof this.#checks.begin(host) === 'string')
      this.#schedule.again(host.range, now);
  }

  async #verifyState(): Promise<void> {
    const { storage, logger } = this.#options;
    try {
      const bytes = await storage.verifyState(async (piece) => {
        await this.#pace.turn(piece);
        if (this.#closed) throw new Stopped();
      });
      this.#stateBytes += bytes;
      logger.info({ bytes }, 'the files of the state store were verified');
    } catch (error) {
      // Damage has been reported, and stops the process.
      if (!(error instanceof Stopped))
        logger.error({ error: String(error) }, 'verifying the state store failed');
    }
  }
}

class Stopped extends Error {}
