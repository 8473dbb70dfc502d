// One key of a cluster as a register: clients write and read it in loops, also at chosen nodes, while faults come and go. All calls
// and answers are recorded with times of this process's monotonic clock, and failures are counted. The simulator's checkers check the
// history.

import type { ExecutionContext } from 'ava';
import type { Client, Freshness, ReadMode } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Epoch, Seq } from '../../common/model/ids.ts';
import { checkLinearizability } from '../sim/checkers/linearizability.ts';
import { checkStaleReads } from '../sim/checkers/stale-reads.ts';
import { checkVersions } from '../sim/checkers/versions.ts';
import { type Action, History, type Outcome } from '../sim/history.ts';
import type { DirectClient, RequestedRange } from './direct-client.ts';
import { WAIT_MS_MAX } from './processes.ts';
import type { NodeProcess } from './test-cluster.ts';

/** Pause between two operations of one loop, so that the loops leave the machine to the cluster, ms. */
const PAUSE_MS = 3;
/** Deadline of an operation: longer than any outage, so that a failure is a defect, ms. */
const DEADLINE_MS = 30_000;
/** Deadline for tests in which writes and linearizable reads should fail, and be repeated, during an outage, ms. */
export const SHORT_DEADLINE_MS = 2_500;
/** How late a busy machine may record an answer, ms. The proxies of the staleness test have a longer delay. */
const SLACK_MS = 50;

/** The last answer of a loop. */
export interface LastAnswer extends Freshness {
  /** When it was called, by Env.now(), ms. */
  readonly sent: number;
  readonly epoch: Epoch;
  readonly revision: Seq;
}

export class Register {
  readonly key: string;
  readonly #deadlineMs: number;
  /** Failed operations by loop and error code. */
  readonly failures = new Map<string, number>();
  readonly #history = new History();
  readonly #newest = new Map<string, LastAnswer>();
  readonly #loops: Promise<void>[] = [];
  readonly #waiting = new Set<() => void>();
  #acknowledged = 0;
  #asked = 0;
  #stopped = false;

  /** @param deadlineMs deadline of writes and linearizable reads */
  constructor(t: ExecutionContext, key: string, deadlineMs = DEADLINE_MS) {
    this.key = key;
    this.#deadlineMs = deadlineMs;
    t.teardown(() => this.stop());
  }

  /** Starts a loop that puts rising numbers. */
  writeBy(client: Client): void {
    let number = 0;
    this.#loop(async () => {
      const value = String(++number);
      const mutation = { kind: 'put', key: this.key, value, ifRevision: null } as const;
      await this.#record('writes', 'writer', { kind: 'write', mutations: [mutation] }, async () => {
        const written = await client.put(this.key, value, { deadlineMs: this.#deadlineMs });
        this.#acknowledged++;
        const { range, epoch, revision } = written;
        return { kind: 'written', range, epoch, revision, existed: null };
      });
    });
  }

  /** Starts a loop that reads, and then puts on the condition that nobody else has. Several of them compete. */
  raceBy(client: Client, name: string): void {
    let number = 0;
    const options = { deadlineMs: this.#deadlineMs };
    this.#loop(async () => {
      let revision = 0;
      const read = { kind: 'read', key: this.key, mode: 'linearizable' } as const;
      const known = await this.#record('reads', name, read, async () => {
        const found = await client.get(this.key, options);
        revision = found?.revision ?? 0;
        return found === null ? ABSENT : { kind: 'read', ...found, value: text(found.value) };
      });
      if (!known) return;
      const value = `${name}: ${++number}`;
      const mutation = { kind: 'put', key: this.key, value, ifRevision: revision } as const;
      await this.#record('writes', name, { kind: 'write', mutations: [mutation] }, async () => {
        const written = await client.put(this.key, value, { ...options, ifRevision: revision });
        this.#acknowledged++;
        const { range, epoch } = written;
        return { kind: 'written', range, epoch, revision: written.revision, existed: null };
      });
    });
  }

  readBy(client: Client, mode: ReadMode): void {
    const deadlineMs = mode === 'linearizable' ? this.#deadlineMs : DEADLINE_MS;
    this.#loop(() =>
      this.#record(mode, `reads ${mode}`, { kind: 'read', key: this.key, mode }, async () => {
        const found = await client.get(this.key, { read: mode, deadlineMs });
        if (found === null) throw new Error(`${mode}: the key is gone`);
        return { kind: 'read', ...found, value: text(found.value) };
      }),
    );
  }

  /** Starts a loop that reads at one node, whoever owns the range. @param as what requests say about the range */
  readAt(direct: DirectClient, node: NodeProcess, mode: 'linearizable' | 'stale', as: RequestedRange): void {
    const of = `${mode} at ${node.name}`;
    this.#loop(() => {
      // The requests do not carry what earlier answers have shown, so the history takes each for one of a new client.
      const client = `${of} #${++this.#asked}`;
      return this.#record(of, client, { kind: 'read', key: this.key, mode }, async () => {
        const sent = realEnv.now();
        const { found, value, ...reply } = await direct.get(node, mode, as, this.key);
        // Adds the round trip to the age, as a client does.
        const trip = reply.stale ? realEnv.now() - sent : 0;
        const staleMs = reply.staleMs === null ? null : reply.staleMs + trip;
        return { ...reply, kind: 'read', range: as.id, value: found ? text(value) : null, staleMs };
      });
    });
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  failuresOf(who: string): number {
    let sum = 0;
    for (const [name, count] of this.failures) if (name.startsWith(`${who}: `)) sum += count;
    return sum;
  }

  /** Resolves with the first acknowledged write that is sent from now on. */
  nextWrite(): Promise<LastAnswer> {
    return this.nextAnswer('writes');
  }

  /** Resolves with the first answer of this loop that `holds` accepts, to a call made from now on. */
  nextAnswer(who: string, holds: (answer: LastAnswer) => boolean = () => true): Promise<LastAnswer> {
    const from = realEnv.now();
    return this.#await(`no answer for ${who}`, () => {
      const answer = this.#newest.get(who);
      return answer !== undefined && answer.sent >= from && holds(answer) ? answer : undefined;
    });
  }

  /** The last answer of this loop; undefined: there was none. */
  lastAnswer(who: string): LastAnswer | undefined {
    return this.#newest.get(who);
  }

  /** Resolves at the next failure in this loop. */
  async nextFailure(who: string): Promise<void> {
    const before = this.failuresOf(who);
    await this.#await(`no failure of ${who}`, () => (this.failuresOf(who) > before ? true : undefined));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  /** The violations that the checkers find; empty: every promise was kept. */
  violations(): readonly string[] {
    const { operations } = this.#history;
    const found = [
      ...checkVersions(operations),
      ...checkLinearizability(operations),
      ...checkStaleReads(operations, { slackMs: SLACK_MS }),
    ];
    return found.map(({ checker, text: what }) => `${checker}: ${what}`);
  }

  /** The highest acknowledged revision. */
  get lastRevision(): Seq {
    const written = this.#history.operations.map(({ outcome }) =>
      outcome.kind === 'written' ? outcome.revision : 0,
    );
    return Math.max(0, ...written);
  }

  get summary(): string {
    const failed = [...this.failures].map(([what, count]) => `${what} ${count}`).join(', ');
    return `${this.#history.operations.length} operations, ${this.#acknowledged} writes; failed: ${failed}`;
  }

  /** Runs and records one operation. Resolves to false if it failed. */
  async #record(
    who: string,
    client: string,
    action: Action,
    run: () => Promise<Outcome & { readonly kind: 'read' | 'written' }>,
  ): Promise<boolean> {
    const sent = realEnv.now();
    const end = this.#history.begin(client, action, sent);
    try {
      const outcome = await run();
      end(outcome, realEnv.now());
      const { stale, staleMs } = outcome.kind === 'read' ? outcome : FRESH;
      this.#newest.set(who, { sent, epoch: outcome.epoch ?? 0, revision: outcome.revision, stale, staleMs });
      return true;
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      end(failure(action, error), realEnv.now());
      const name = `${who}: ${error.code}`;
      this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
      return false;
    } finally {
      for (const wake of [...this.#waiting]) wake();
    }
  }

  #loop(once: () => Promise<unknown>): void {
    const run = async () => {
      while (!this.#stopped) {
        await once();
        await delay(realEnv, PAUSE_MS);
      }
    };
    this.#loops.push(run());
  }

  #await<T>(otherwise: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        const found = look();
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const timer = realEnv.after(WAIT_MS_MAX, () => {
        end();
        reject(new Error(`${otherwise} for ${WAIT_MS_MAX} ms; ${this.summary}`));
      });
      const end = () => {
        timer.cancel();
        this.#waiting.delete(wake);
      };
      this.#waiting.add(wake);
      wake();
    });
  }
}

const ABSENT = {
  kind: 'read',
  value: null,
  revision: 0,
  range: null,
  epoch: null,
  stale: false,
  staleMs: 0,
} as const;

function failure(action: Action, { code, applied, details }: RangekeeperError): Outcome {
  if (code === 'CONFLICT') return { kind: 'conflict', revision: details.revision ?? 0 };
  return action.kind === 'write' && applied === 'unknown' ? { kind: 'unknown' } : { kind: 'failed', code };
}

const FRESH: Freshness = { stale: false, staleMs: 0 };
const decoder = new TextDecoder();

function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
