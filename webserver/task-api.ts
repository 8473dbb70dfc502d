// Requests for tasks over HTTP: each kind is one method of the client, which checks the arguments. The leader decides.

import type { Task, TaskOptions } from '../client/admin-api.ts';
import type { Client } from '../client/api.ts';
import { parseBytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { TaskAnswer, TaskRequestBody } from './answers.ts';
import { readBody } from './request.ts';

/** A request ends then, so that it holds its place among those under way no longer. The task goes on. */
const WAIT_MS_MAX = 30_000;

type Kind = TaskRequestBody['kind'];

interface KindOfTask {
  /** The fields of a request besides `kind` and `dryRun`. */
  readonly fields: readonly string[];
  readonly ask: (client: Client, fields: Fields, options: TaskOptions) => Promise<Task>;
}

const RANGE = ['range'];
const NODE = ['node'];

const KINDS: Readonly<Record<Kind, KindOfTask>> = {
  split: { fields: ['keys'], ask: (client, fields, options) => client.split(fields.keys(), options) },
  merge: { fields: ['key'], ask: (client, fields, options) => client.merge(fields.key(), options) },
  move: {
    fields: ['range', 'from', 'to'],
    ask: (client, fields, options) =>
      client.move(fields.range(), fields.text('from'), fields.text('to'), options),
  },
  transfer: {
    fields: ['range', 'node'],
    ask: (client, fields, options) => client.transfer(fields.range(), fields.text('node'), options),
  },
  isolate: {
    fields: ['range', 'node'],
    ask: (client, fields, options) => client.isolate(fields.range(), fields.nodeOrNull(), options),
  },
  'isolate-key': {
    fields: ['key', 'node'],
    ask: (client, fields, options) => client.isolate(fields.key(), fields.nodeOrNull(), options),
  },
  pin: { fields: RANGE, ask: (client, fields, options) => client.pin(fields.range(), options) },
  unpin: { fields: RANGE, ask: (client, fields, options) => client.unpin(fields.range(), options) },
  drain: { fields: NODE, ask: (client, fields, options) => client.drain(fields.text('node'), options) },
  undrain: { fields: NODE, ask: (client, fields, options) => client.undrain(fields.text('node'), options) },
  rebalance: { fields: [], ask: (client, _, options) => client.rebalance(options) },
  cancel: {
    fields: ['task'],
    ask: (client, fields, options) => client.cancelTask(fields.text('task'), options),
  },
};

/** The body is checked before a client is made. Rejects with INVALID_ARGUMENT, and as the client's method does. */
export async function askForTask(
  env: Env,
  body: unknown,
  clientOf: () => Promise<Client>,
): Promise<TaskAnswer> {
  const kind = kindOf(body);
  const { fields, ask } = KINDS[kind];
  const { dryRun, ...given } = readBody(body, ['kind', 'dryRun', ...fields]);
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw bad('dryRun is true or false');
  const client = await clientOf();
  const ending = new AbortController();
  const timer = env.after(WAIT_MS_MAX, () => ending.abort());
  try {
    const options = { dryRun: dryRun === true, signal: ending.signal };
    const { id, state, progress, steps } = await ask(client, new Fields(given), options);
    return { id, state, progress, steps };
  } finally {
    timer.cancel();
  }
}

function kindOf(body: unknown): Kind {
  const all = Object.keys(KINDS) as readonly Kind[];
  const { kind } = typeof body === 'object' && body !== null ? (body as { readonly kind?: unknown }) : {};
  const found = all.find((known) => known === kind);
  if (found === undefined) throw bad(`a task needs a JSON object whose kind is one of ${all.join(', ')}`);
  return found;
}

/** The fields of a request, with their types checked. Keys are in text form. */
class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string') throw bad(`${name} is a text`);
    return value;
  }

  range(): number {
    const { range } = this.#values;
    if (typeof range !== 'number') throw bad('range is a number');
    return range;
  }

  key(): Uint8Array {
    return keyIn(this.text('key'));
  }

  keys(): readonly Uint8Array[] {
    const { keys } = this.#values;
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
      throw bad('keys is a list of texts');
    return keys.map(keyIn);
  }

  nodeOrNull(): string | null {
    return this.#values.node === undefined ? null : this.text('node');
  }
}

function keyIn(text: string): Uint8Array {
  try {
    return parseBytes(text);
  } catch (error) {
    throw bad(`a key: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function bad(message: string): RangekeeperError {
  return new RangekeeperError('INVALID_ARGUMENT', message);
}
