// What verbs share: asking the cluster so that Ctrl-C is heard, read modes, and how an answer that
// may be old says so.

import type { Client, Freshness, NodeView, ReadOptions, ScanOptions } from '../../client/api.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { NodeFacts } from '../../common/model/node-remarks.ts';
import { READ_MODES } from '../../common/model/read-mode.ts';
import type { NodeName } from '../answer.ts';
import type { Arguments, Option } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { interruptible } from '../interruption.ts';
import type { Call } from '../session.ts';

export const READ_OPTION: Option = {
  name: 'read',
  value: { name: 'MODE', kind: 'text', choices: READ_MODES },
  help: 'who may answer: the owner only (default), a replica where the owner is silent, or the nearest replica',
};

export const PREFIX_OPTION: Option = {
  name: 'prefix',
  value: { name: 'P', kind: 'key' },
  help: 'keys that begin so',
};

export const BOUND_OPTIONS: readonly Option[] = [
  PREFIX_OPTION,
  { name: 'start', value: { name: 'KEY', kind: 'key' }, help: 'from this key on' },
  { name: 'end', value: { name: 'KEY', kind: 'key' }, help: 'up to this key, without it' },
];

/** Asks the cluster; Ctrl-C ends the waiting. */
export async function ask<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client));
}

/** As {@link ask}, for a write: to stop waiting is not to undo it. */
export async function askToWrite<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client), 'interrupted: the write may still be applied');
}

/** As {@link ask}, for what the leading coordinator is asked to do: to stop waiting is not to call it off. */
export async function askOfLeader<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client), 'interrupted: what was asked for may still be done');
}

/** As {@link ask}, with the ranges read anew; as last known, and saying so, where ZooKeeper is away. */
export async function askOfRanges<T>(call: Call, question: (client: Client) => T | Promise<T>): Promise<T> {
  return ask(call, async (client) => {
    try {
      await client.refresh();
    } catch (error) {
      if (!(error instanceof RangekeeperError && error.code === 'NO_CLUSTER')) throw error;
      call.remark(`as last known: ${error.message}`);
    }
    return question(client);
  });
}

export function readOptions(args: Arguments): ReadOptions {
  const read = READ_MODES.find((mode) => mode === args.textOrNone('read'));
  return read === undefined ? {} : { read };
}

export function boundOptions(args: Arguments): Pick<ScanOptions, 'prefix' | 'start' | 'end'> {
  const bounds: { prefix?: Bytes; start?: Bytes; end?: Bytes } = {};
  for (const name of ['prefix', 'start', 'end'] as const) {
    const value = args.bytesOrNone(name);
    if (value !== undefined) bounds[name] = value;
  }
  return bounds;
}

export function describeStaleness(staleMs: number | null): string {
  return staleMs === null
    ? 'stale, by how much is not known'
    : `stale, at most ${Math.ceil(staleMs)} ms behind`;
}

/** Says on stderr that the answer may be old, where the answer itself does not (a table). */
export function tellStaleness(call: Call, { stale, staleMs }: Freshness): void {
  if (stale && call.session.format === 'table') call.remark(describeStaleness(staleMs));
}

/** How old the oldest of many rows may be. */
export class Oldest {
  #stale = false;
  #staleMs: number | null = 0;

  add({ stale, staleMs }: Freshness): void {
    this.#stale ||= stale;
    this.#staleMs = this.#staleMs === null || staleMs === null ? null : Math.max(this.#staleMs, staleMs);
  }

  get freshness(): Freshness {
    return { stale: this.#stale, staleMs: this.#staleMs };
  }
}

/** A remark beside the answer, for a person at the prompt only. */
export function tell(call: Call, remark: string): void {
  if (call.session.interactive && call.session.format === 'table') call.remark(remark);
}

/** In the order of their names, which is the same in every line. */
export function namesOf(ids: readonly NodeId[], views: readonly NodeView[]): readonly NodeName[] {
  return ids.map((id) => nameOf(id, views)).sort((a, b) => a.name.localeCompare(b.name));
}

/** The names of {@link namesOf}, for a sentence. */
export function listOf(ids: readonly NodeId[], views: readonly NodeView[]): string {
  return namesOf(ids, views)
    .map(({ name }) => name)
    .join(', ');
}

export function nameOf(id: NodeId, views: readonly NodeView[]): NodeName {
  return { id, name: views.find((view) => view.id === id)?.record?.name ?? id };
}

/** The node that a NODE argument means: an id, or a name that only one node has. Throws UsageError. */
export function nodeNamed(wanted: string, views: readonly NodeView[]): NodeView {
  const byId = views.find(({ id }) => id === wanted);
  if (byId !== undefined) return byId;
  const [first, ...others] = views.filter(({ record }) => record?.name === wanted);
  if (first === undefined) throw new UsageError(`there is no node ${wanted}`);
  if (others.length === 0) return first;
  const ids = [first, ...others].map(({ id, live }) => `${id} (${live === null ? 'gone' : 'live'})`);
  throw new UsageError(`several nodes are called ${wanted}, give an id: ${ids.join(', ')}`);
}

export function factsOf({ id, record, live }: NodeView): NodeFacts {
  const noted = record?.noted;
  return {
    id,
    name: record?.name ?? id,
    alive: live !== null,
    standing: live?.standing ?? 'staying',
    unreachable: noted?.unreachable ?? null,
    stuck: live !== null && noted?.stuckIn === live.session,
  };
}
