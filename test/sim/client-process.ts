// A program that uses the client library. It has a few concurrent calls of every kind on few keys, so that they conflict. The
// calls and their answers go into the history.

import type { BatchOp, Client, ReadMode, Written } from '../../client/api.ts';
import { DEFAULT_SETTINGS, openClient } from '../../client/client.ts';
import { utf8OrNull } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { READ_MODES } from '../../common/model/read-mode.ts';
import { connectZk } from '../../common/zk/zk.ts';
import type { Action, History, HistoryMutation, Outcome } from './history.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host, Process } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

const REOPEN_MS = 500;
/** Maximum pause of a caller between two calls, multiplied by the number of callers, so that the total rate stays the same, ms. */
const THINK_MS = 18;
/** Number of keys in one batch. */
const BATCH_KEYS = 2;

/** One call of a client. The history has a scan as one read of each of its keys. */
export type Request =
  | Action
  | { readonly kind: 'scan'; readonly keys: readonly string[]; readonly mode: ReadMode };

type Answer = (outcome: Outcome, at: number) => void;

export interface Workload {
  readonly namespace: string;
  /** Begins every value, so that values of different namespaces differ. */
  readonly tag: string;
  readonly history: History;
  readonly keys: readonly string[];
  /** False: clients begin no new operation. */
  isActive(): boolean;
}

export class ClientProcess {
  readonly host: Host;
  readonly #deps: Omit<NodeDeps, 'applied'>;
  readonly #workload: Workload;
  /** Uses a client that shares the connections of another client. */
  readonly #sharesConnections: boolean;
  /** The last known revision of each key, for conditions that may be met. */
  readonly #revisions = new Map<string, number>();
  #lives = 0;
  #client: Client | null = null;
  #underWay = 0;

  constructor(deps: Omit<NodeDeps, 'applied'>, workload: Workload, host: Host, sharesConnections: boolean) {
    this.#deps = deps;
    this.#workload = workload;
    this.host = host;
    this.#sharesConnections = sharesConnections;
  }

  start(): void {
    const process = this.host.boot();
    this.#lives++;
    this.#client = null;
    this.#underWay = 0;
    process.onCrash = (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#deps.world.violation('process', `${this.host.name} crashed: ${text}`);
    };
    process.gate(() => void this.#main(process).catch((error) => process.crash(error)))();
  }

  /** The number of this process on its host, from 1. */
  get life(): number {
    return this.#lives;
  }

  /** The number of calls of this process without an answer. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Makes one call in addition to its own ones, for the end of a run. Null: it has no client now. */
  ask(request: Action): Promise<Outcome> | null {
    const { process } = this.host;
    const client = this.#client;
    if (client === null || !process.alive) return null;
    return new Promise((resolve) => {
      process.gate(
        () =>
          void this.#call(process, client, request, 5_000).then(([outcome]) => outcome && resolve(outcome)),
      )();
    });
  }

  async #main(process: Process): Promise<void> {
    const client = await this.#open(process);
    this.#client = client;
    const callers = Array.from({ length: this.#deps.settings.callsPerClient }, () =>
      this.#loop(process, client),
    );
    await Promise.all(callers);
  }

  async #open(process: Process): Promise<Client> {
    const { world, ensemble, settings } = this.#deps;
    for (;;) {
      const { logger } = this.host;
      const { env } = process;
      const zk = connectZk({
        connect: ensemble.connectString,
        config: settings.session,
        env,
        logger,
        openLink: linksOf(ensemble, process),
      });
      const transport = world.network.transportOf(process);
      try {
        const { channel } = settings;
        const { namespace } = this.#workload;
        const client = await openClient(
          { zk, transport, env, log: logger, channel },
          { ...DEFAULT_SETTINGS, namespace },
        );
        return this.#sharesConnections ? await sharingConnections(client) : client;
      } catch (error) {
        if (!(error instanceof RangekeeperError)) throw error;
        await process.wait(REOPEN_MS);
      }
    }
  }

  async #loop(process: Process, client: Client): Promise<void> {
    const { world, settings } = this.#deps;
    const thinkMs = THINK_MS * settings.clients * settings.callsPerClient;
    for (;;) {
      await process.wait(world.between(1, thinkMs));
      if (this.#workload.isActive())
        await this.#call(process, client, this.#next(), world.rng.pick([500, 2_000, 5_000]));
    }
  }

  async #call(
    process: Process,
    client: Client,
    request: Request,
    deadlineMs: number,
  ): Promise<readonly Outcome[]> {
    const { world } = this.#deps;
    const answers = this.#begin(request, world.clock.now);
    this.#underWay++;
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.#perform(client, request, deadlineMs);
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      const failure = this.#failure(error);
      outcomes = answers.map(() => failure);
    }
    if (!process.alive) return [];
    this.#underWay--;
    for (const [index, answer] of answers.entries()) answer(outcomes[index] as Outcome, world.clock.now);
    world.clock.mark(outcomes.length);
    world.story.count(`op ${request.kind} ${outcomes[0]?.kind}`);
    return outcomes;
  }

  /** Enters the call into the history, where each process of this host is a client of its own. */
  #begin(request: Request, at: number): readonly Answer[] {
    const { history } = this.#workload;
    const name = `${this.host.name}/${this.#lives}`;
    if (request.kind !== 'scan') return [history.begin(name, request, at)];
    const { mode } = request;
    return request.keys.map((key) => history.begin(name, { kind: 'read', key, mode }, at));
  }

  #failure(error: RangekeeperError): Outcome {
    const { world } = this.#deps;
    if (error.code === 'INTERNAL') world.violation('internal', error.message);
    world.story.count(`error ${error.code}`);
    if (error.code === 'CONFLICT') return { kind: 'conflict', revision: error.details.revision ?? 0 };
    return error.applied === 'no' ? { kind: 'failed', code: error.code } : { kind: 'unknown' };
  }

  async #perform(client: Client, request: Request, deadlineMs: number): Promise<readonly Outcome[]> {
    switch (request.kind) {
      case 'write':
        return [await this.#write(client, request.mutations, deadlineMs)];
      case 'read':
        return [await this.#read(client, request.key, request.mode, deadlineMs)];
      case 'scan':
        return this.#scan(client, request.keys, request.mode, deadlineMs);
    }
  }

  async #read(client: Client, key: string, mode: ReadMode, deadlineMs: number): Promise<Outcome> {
    const found = await client.get(key, { read: mode, deadlineMs });
    this.#revisions.set(key, found?.revision ?? 0);
    if (found === null) return absent(mode !== 'linearizable', null);
    const { revision, range, epoch, stale, staleMs } = found;
    return { kind: 'read', value: text(found.value), revision, range, epoch, stale, staleMs };
  }

  async #scan(
    client: Client,
    keys: readonly string[],
    mode: ReadMode,
    deadlineMs: number,
  ): Promise<readonly Outcome[]> {
    const start = keys[0] as string;
    const end = `${keys.at(-1)}\0`;
    const page = await client.scanPage({ start, end, limit: 1_000, read: mode, deadlineMs });
    const { stale, staleMs } = page;
    const rows = new Map(page.rows.map((row) => [text(row.key), row]));
    return keys.map((key) => {
      const row = rows.get(key);
      if (row === undefined) return absent(stale, staleMs);
      const { value, revision } = row;
      return { kind: 'read', value: text(value), revision, range: null, epoch: null, stale, staleMs };
    });
  }

  async #write(client: Client, mutations: readonly HistoryMutation[], deadlineMs: number): Promise<Outcome> {
    const [first] = mutations;
    let written: Written;
    let existed: boolean | null = null;
    if (mutations.length === 1 && first?.kind === 'put') {
      const { ifRevision } = first;
      written = await client.put(first.key, first.value, {
        deadlineMs,
        ...(ifRevision === null ? {} : { ifRevision }),
      });
    } else if (mutations.length === 1 && first?.kind === 'delete') {
      const deleted = await client.delete(first.key, { deadlineMs });
      existed = deleted.existed;
      written = deleted;
    } else {
      written = await client.batch(mutations.map(toBatchOp), { deadlineMs });
    }
    const { range, epoch, revision } = written;
    for (const { kind, key } of mutations)
      if (kind !== 'check') this.#revisions.set(key, kind === 'put' ? revision : 0);
    return { kind: 'written', range, epoch, revision, existed };
  }

  // ---- the choice of calls -----------------------------------------------------------------------------------------

  #next(): Request {
    const { rng } = this.#deps.world;
    const { keys } = this.#workload;
    const key = this.#deps.settings.hotShare > rng.below(100) / 100 ? (keys[0] as string) : rng.pick(keys);
    const dice = rng.below(100);
    if (dice < 40) return this.#putsOf([key], null);
    if (dice < 50) return this.#putsOf([key], rng.pick([0, this.#revisions.get(key) ?? 0]));
    if (dice < 57) return { kind: 'write', mutations: [{ kind: 'delete', key, ifRevision: null }] };
    if (dice < 61) return this.#putsOf(this.#batchKeys(key), null);
    if (dice < 63) return this.#conditionalBatch(this.#batchKeys(key));
    const mode = rng.pick(READ_MODES);
    if (dice < 90) return { kind: 'read', key, mode };
    return { kind: 'scan', keys: this.#neighbours(key, 12), mode };
  }

  #putsOf(keys: readonly string[], ifRevision: number | null): Request {
    const value = this.#value();
    return { kind: 'write', mutations: keys.map((key) => ({ kind: 'put', key, value, ifRevision })) };
  }

  /** A value that no other operation of the history writes. */
  #value(): string {
    const { rng } = this.#deps.world;
    const { tag, history } = this.#workload;
    return `${tag}${history.operations.length}${'.'.repeat(rng.below(8) === 0 ? rng.below(1_500) : rng.below(80))}`;
  }

  /** Writes the last of the keys on the condition that each other key is at the revision that this client knows, or absent. */
  #conditionalBatch(keys: readonly string[]): Request {
    const { rng } = this.#deps.world;
    const checks = keys.slice(0, -1).map((key) => {
      const ifRevision = rng.pick([0, this.#revisions.get(key) ?? 0]);
      return { kind: 'check', key, ifRevision } as const;
    });
    const put = { kind: 'put', key: keys.at(-1) as string, value: this.#value(), ifRevision: null } as const;
    return { kind: 'write', mutations: [...checks, put] };
  }

  /** The keys that are written in one batch. They are few, so that the linearizability checker has small groups. */
  #batchKeys(key: string): readonly string[] {
    const { keys } = this.#workload;
    const first = Math.floor(keys.indexOf(key) / BATCH_KEYS) * BATCH_KEYS;
    return keys.slice(first, first + BATCH_KEYS);
  }

  #neighbours(key: string, most: number): readonly string[] {
    const { keys } = this.#workload;
    const at = keys.indexOf(key);
    return keys.slice(at, at + 1 + this.#deps.world.rng.below(most));
  }
}

function absent(stale: boolean, staleMs: number | null): Outcome {
  return { kind: 'read', value: null, revision: 0, range: null, epoch: null, stale, staleMs };
}

function toBatchOp(mutation: HistoryMutation): BatchOp {
  const { key } = mutation;
  switch (mutation.kind) {
    case 'put':
      return { put: { key, value: mutation.value } };
    case 'delete':
      return { delete: { key } };
    case 'check':
      return { check: { key, revision: mutation.ifRevision } };
  }
}

function text(bytes: Uint8Array): string {
  return utf8OrNull(bytes) ?? '(not text)';
}

/** Another client of the same namespace that shares the connections. */
async function sharingConnections(client: Client): Promise<Client> {
  try {
    return await client.inNamespace(client.namespace);
  } catch (error) {
    await client.close();
    throw error;
  }
}
