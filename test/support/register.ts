// One key of a cluster under watch: written by one client, read by others and straight at each node, everything noted on
// this process's monotonic clock while faults come and go. What failed is counted; the checkers judge the history.

import type { ExecutionContext } from 'ava';
import type { Client, Freshness, ReadMode } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Epoch, Seq } from '../../common/model/ids.ts';
import { checkLinearizability } from '../sim/checkers/linearizability.ts';
import { checkStaleReads } from '../sim/checkers/stale-reads.ts';
import { checkVersions } from '../sim/checkers/versions.ts';
import { type Action, History, type Outcome } from '../sim/history.ts';
import type { NodeAsker, RangeAsked } from './direct-client.ts';
import { PATIENCE_MS } from './processes.ts';
import type { NodeProcess } from './test-cluster.ts';

/** Between two operations of one loop, so that watching leaves the machine to those who are watched. */
const PAUSE_MS = 3;
/** One operation: longer than any outage, so that what fails is a fault. */
const DEADLINE_MS = 30_000;
/** The same where writes and linearizable reads are to fail in an outage and to go round in it. */
export const SHORT_DEADLINE_MS = 2_500;
/** So late a busy machine may note an answer that came; the wires of the test of ages are slower than that. */
const SLACK_MS = 50;

/** What a loop was told last. */
export interface Told extends Freshness {
  /** An instant of Env.now(). */
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
  readonly #newest = new Map<string, Told>();
  readonly #loops: Promise<void>[] = [];
  readonly #waiting = new Set<() => void>();
  #acknowledged = 0;
  #asked = 0;
  #stopped = false;

  /** `deadlineMs`: of writes and linearizable reads. */
  constructor(t: ExecutionContext, key: string, deadlineMs = DEADLINE_MS) {
    this.key = key;
    this.#deadlineMs = deadlineMs;
    t.teardown(() => this.stop());
  }

  /** Puts rising numbers from now on. */
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

  /** Reads and puts on the condition that nobody else has, in a race with all who do the same here. */
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

  /** Asks one node, whoever owns the range by now; `as`: what is known of the range. */
  readAt(asker: NodeAsker, node: NodeProcess, mode: 'linearizable' | 'stale', as: RangeAsked): void {
    const of = `${mode} at ${node.name}`;
    this.#loop(() => {
      // It tells the node nothing of what it has seen, so each question is one client's first.
      const client = `${of} #${++this.#asked}`;
      return this.#record(of, client, { kind: 'read', key: this.key, mode }, async () => {
        const sent = realEnv.now();
        const { found, value, ...reply } = await asker.get(node, mode, as, this.key);
        // The asker adds its round trip, as a client does.
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

  /** The first write to be acknowledged that is sent from now on. */
  nextWrite(): Promise<Told> {
    return this.nextTold('writes');
  }

  /** The first answer of this loop, to what is asked from now on, of which that holds. */
  nextTold(who: string, holds: (told: Told) => boolean = () => true): Promise<Told> {
    const from = realEnv.now();
    return this.#await(`nothing was told to ${who}`, () => {
      const told = this.#newest.get(who);
      return told !== undefined && told.sent >= from && holds(told) ? told : undefined;
    });
  }

  /** What this loop was told last; undefined before the first answer. */
  lastTold(who: string): Told | undefined {
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

  /** The checkers' verdict; none: every promise was kept. */
  violations(): readonly string[] {
    const { operations } = this.#history;
    const found = [
      ...checkVersions(operations),
      ...checkLinearizability(operations),
      ...checkStaleReads(operations, { slackMs: SLACK_MS }),
    ];
    return found.map(({ checker, text: what }) => `${checker}: ${what}`);
  }

  /** The highest revision acknowledged. */
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

  /** False where it failed. */
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
      const timer = realEnv.after(PATIENCE_MS, () => {
        end();
        reject(new Error(`${otherwise} for ${PATIENCE_MS} ms; ${this.summary}`));
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
