// A client that records its calls and answers in a history (test/sim/history.ts), with times of this process's monotonic clock.
// Several of them can share one history. So the simulator's checkers can check real clusters, too.

import { createHash } from 'node:crypto';
import type {
  BatchOp,
  CallOptions,
  Client,
  Deleted,
  Found,
  Key,
  ReadMode,
  ReadOptions,
  WriteOptions,
  Written,
} from '../../client/api.ts';
import { formatBytes, toBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { checkDurability, type FinalRow } from '../sim/checkers/durability.ts';
import { checkLinearizability } from '../sim/checkers/linearizability.ts';
import { checkStaleReads } from '../sim/checkers/stale-reads.ts';
import { checkVersions } from '../sim/checkers/versions.ts';
import type {
  Action,
  History,
  HistoryMutation,
  Operation,
  Outcome,
  Text,
  Violation,
} from '../sim/history.ts';

/** The history has longer values as their hash. */
const VALUE_TEXT_MAX = 64;
/** How late an answer may be recorded on a busy machine, ms, and by what fraction the rates of its clocks may differ. */
const SLACK_MS = 50;
const CLOCK_DRIFT = 0.001;

export class RecordingClient {
  readonly name: string;
  readonly #client: Client;
  readonly #history: History;
  readonly #env: Env;

  /** @param name unique in the history: stale reads are monotonic for each client */
  constructor(name: string, client: Client, history: History, env: Env) {
    this.name = name;
    this.#client = client;
    this.#history = history;
    this.#env = env;
  }

  put(key: Key, value: Key, options: WriteOptions = {}): Promise<Written> {
    const ifRevision = options.ifRevision ?? null;
    const mutation = { kind: 'put', key: keyText(key), value: valueText(value), ifRevision } as const;
    return this.#write([mutation], () => this.#client.put(key, value, options));
  }

  delete(key: Key, options: WriteOptions = {}): Promise<Deleted> {
    const mutation = { kind: 'delete', key: keyText(key), ifRevision: options.ifRevision ?? null } as const;
    return this.#write([mutation], () => this.#client.delete(key, options));
  }

  batch(ops: readonly BatchOp[], options: CallOptions = {}): Promise<Written> {
    return this.#write(ops.map(mutationOf), () => this.#client.batch(ops, options));
  }

  get(key: Key, options: ReadOptions = {}): Promise<Found | null> {
    const mode = options.read ?? 'linearizable';
    const action = { kind: 'read', key: keyText(key), mode } as const;
    return this.#record(
      action,
      () => this.#client.get(key, options),
      (found) => readOutcome(found, mode),
    );
  }

  #write<T extends Written | Deleted>(
    mutations: readonly HistoryMutation[],
    call: () => Promise<T>,
  ): Promise<T> {
    return this.#record({ kind: 'write', mutations }, call, (answer) => {
      const { range, epoch, revision } = answer;
      return {
        kind: 'written',
        range,
        epoch,
        revision,
        existed: 'existed' in answer ? answer.existed : null,
      };
    });
  }

  async #record<T>(action: Action, call: () => Promise<T>, outcomeOf: (answer: T) => Outcome): Promise<T> {
    const end = this.#history.begin(this.name, action, this.#env.now());
    try {
      const answer = await call();
      end(outcomeOf(answer), this.#env.now());
      return answer;
    } catch (error) {
      end(failureOutcome(error), this.#env.now());
      throw error;
    }
  }
}

/** Reads all rows of the namespace, for the checkers. No operation may be under way. */
export async function finalRows(client: Client): Promise<readonly FinalRow[]> {
  const rows: FinalRow[] = [];
  for await (const { key, value, revision } of client.scan()) {
    rows.push({ key: keyText(key), value: valueText(value), revision });
  }
  return rows;
}

/** Runs checkers 1 to 4. */
export function checkHistory(
  operations: readonly Operation[],
  rows: readonly FinalRow[],
): readonly Violation[] {
  return [
    ...checkVersions(operations),
    ...checkLinearizability(operations),
    ...checkDurability(operations, rows),
    ...checkStaleReads(operations, { slackMs: SLACK_MS, clockDrift: CLOCK_DRIFT }),
  ];
}

function mutationOf(op: BatchOp): HistoryMutation {
  if (op.put !== undefined) {
    const { key, value, ifRevision = null } = op.put;
    return { kind: 'put', key: keyText(key), value: valueText(value), ifRevision };
  }
  if (op.delete !== undefined) {
    const { key, ifRevision = null } = op.delete;
    return { kind: 'delete', key: keyText(key), ifRevision };
  }
  return { kind: 'check', key: keyText(op.check.key), ifRevision: op.check.revision };
}

/** An answer for an absent key names no range. In the modes that may ask a replica it counts as stale. */
function readOutcome(found: Found | null, mode: ReadMode): Outcome {
  if (found !== null) {
    const { range, epoch, revision, stale, staleMs } = found;
    return { kind: 'read', value: valueText(found.value), revision, range, epoch, stale, staleMs };
  }
  const nowhere = { value: null, revision: 0, range: null, epoch: null };
  return mode === 'linearizable'
    ? { kind: 'read', ...nowhere, stale: false, staleMs: 0 }
    : { kind: 'read', ...nowhere, stale: true, staleMs: null };
}

function failureOutcome(error: unknown): Outcome {
  if (!(error instanceof RangekeeperError) || error.applied === 'unknown') return { kind: 'unknown' };
  const { revision } = error.details;
  if (error.code === 'CONFLICT' && revision !== undefined) return { kind: 'conflict', revision };
  return { kind: 'failed', code: error.code };
}

function keyText(key: Key): Text {
  return formatBytes(toBytes(key));
}

function valueText(value: Key): Text {
  const bytes = toBytes(value);
  if (bytes.length <= VALUE_TEXT_MAX) return formatBytes(bytes);
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
}
