// What verbs share: requests to the cluster that Ctrl-C interrupts, options for reads, names of nodes, and remarks about stale
// answers.

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
  help: 'who may answer: only the owner (default), a replica if the owner does not answer, or the nearest replica',
};

export const PREFIX_OPTION: Option = {
  name: 'prefix',
  value: { name: 'P', kind: 'key' },
  help: 'only keys with this prefix',
};

export const BOUND_OPTIONS: readonly Option[] = [
  PREFIX_OPTION,
  { name: 'start', value: { name: 'KEY', kind: 'key' }, help: 'from this key on, inclusive' },
  { name: 'end', value: { name: 'KEY', kind: 'key' }, help: 'up to this key, exclusive' },
];

/** Sends a request to the cluster. Ctrl-C ends the wait. */
export async function ask<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client));
}

/** As {@link ask}, for a write, which may still be applied after Ctrl-C. */
export async function askToWrite<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client), 'interrupted: the write may still be applied');
}

/** As {@link ask}, for a request to the leader, which may still be executed after Ctrl-C. */
export async function askLeader<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client), 'interrupted: the request may still be executed');
}

/** As {@link ask}, for a task of the leader, which goes on after Ctrl-C. */
export async function askForTask<T>(call: Call, question: (client: Client) => Promise<T>): Promise<T> {
  const client = await interruptible(call.signal, call.session.client());
  return interruptible(call.signal, question(client), 'interrupted: the task goes on');
}

/** As {@link ask}, after reading the ranges again. If ZooKeeper does not answer, remarks how old they are. */
export async function askWithFreshRanges<T>(
  call: Call,
  question: (client: Client) => T | Promise<T>,
): Promise<T> {
  const { env, viewAge } = call.session;
  return ask(call, async (client) => {
    try {
      await client.refresh();
      viewAge.confirm(env.now());
    } catch (error) {
      if (!(error instanceof RangekeeperError && error.code === 'NO_CLUSTER')) throw error;
      call.remark(`${viewAge.age(env.now())}: ZooKeeper does not answer`);
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
  return staleMs === null ? 'stale, age not known' : `stale, at most ${Math.ceil(staleMs)} ms behind`;
}

/** Remarks that the answer may be out of date, if the output format does not show it (a table). */
export function remarkStaleness(call: Call, { stale, staleMs }: Freshness): void {
  if (stale && call.session.format === 'table') call.remark(describeStaleness(staleMs));
}

/** The greatest age of many rows. */
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

/** Remarks a detail besides the answer, only for a person at the prompt. */
export function remarkDetail(call: Call, remark: string): void {
  if (call.session.interactive && call.session.format === 'table') call.remark(remark);
}

/** In order of names, so that every line has the same order. */
export function namesOf(ids: readonly NodeId[], views: readonly NodeView[]): readonly NodeName[] {
  return ids.map((id) => nameOf(id, views)).sort((a, b) => a.name.localeCompare(b.name));
}

/** The names of nodes as a list in a sentence. */
export function listOf(ids: readonly NodeId[], views: readonly NodeView[]): string {
  return namesOf(ids, views)
    .map(({ name }) => name)
    .join(', ');
}

export function nameOf(id: NodeId, views: readonly NodeView[]): NodeName {
  return { id, name: views.find((view) => view.id === id)?.record?.name ?? id };
}

/** The node of a NODE argument, which is an id, or a name that only one node has. @throws UsageError */
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
