// The part of MemoryClient for administrators. It notes what is asked for, and answers as the test says.

import type { Administration, AlterOptions, ListedTask, Task, TaskOptions } from '../../client/admin-api.ts';
import { alteration, rangeIdOf, splitKeysOf, taskIdOf, waitOf } from '../../client/admin-arguments.ts';
import type { AbortOptions, Client, Key } from '../../client/api.ts';
import { keyBytes, nameOf, namespaceNameOf } from '../../client/arguments.ts';
import { checkOptions, NO_OPTIONS } from '../../client/options.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';

type Method = keyof Administration;

/** What was asked for: the method, its arguments, and the options that were given. */
export type Asked = readonly [Method, ...unknown[]];

export abstract class MemoryAdmin implements Administration {
  readonly asked: Asked[] = [];
  /** How the leader answers. A task that is `failed` rejects with REFUSED. */
  task: Task = { id: 'c0ffee', state: 'done', progress: 'done', steps: [] };
  listed: readonly ListedTask[] = [];

  /** As a call enters: rejects if the client is closed, or the test says so. */
  protected abstract enter(
    call: { readonly method: keyof Client; readonly key: null },
    options: AbortOptions,
  ): Promise<void>;

  async split(keys: Key | readonly Key[], options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('split', [splitKeysOf(keys)], options);
  }

  async merge(key: Key, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('merge', [Buffer.from(keyBytes(key)).toString()], options);
  }

  async move(range: RangeId, from: NodeId, to: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('move', [rangeIdOf(range), nodeOf(from), nodeOf(to)], options);
  }

  async transfer(range: RangeId, node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('transfer', [rangeIdOf(range), nodeOf(node)], options);
  }

  async drain(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('drain', [nodeOf(node)], options);
  }

  async undrain(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('undrain', [nodeOf(node)], options);
  }

  async decommission(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('decommission', [nodeOf(node)], options);
  }

  async forgetNode(node: NodeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('forgetNode', [nodeOf(node)], options);
  }

  async isolate(what: Key | RangeId, node: NodeId | null = null, options: TaskOptions = NO_OPTIONS) {
    const shown = typeof what === 'number' ? what : Buffer.from(keyBytes(what)).toString();
    return this.#ask('isolate', [shown, node === null ? null : nodeOf(node)], options);
  }

  async pin(range: RangeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('pin', [rangeIdOf(range)], options);
  }

  async unpin(range: RangeId, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('unpin', [rangeIdOf(range)], options);
  }

  async rebalance(options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('rebalance', [], options);
  }

  async alterNamespace(name: string, options: AlterOptions = NO_OPTIONS): Promise<Task> {
    checkOptions('alterNamespace', options);
    return this.#ask('alterNamespace', [alteration(name, options)], options);
  }

  async dropNamespace(name: string, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('dropNamespace', [namespaceNameOf(name)], options);
  }

  async cancelTask(id: string, options: TaskOptions = NO_OPTIONS): Promise<Task> {
    return this.#ask('cancelTask', [taskIdOf(id)], options);
  }

  async tasks(options: AbortOptions = NO_OPTIONS): Promise<readonly ListedTask[]> {
    checkOptions('tasks', options);
    await this.enter({ method: 'tasks', key: null }, options);
    return this.listed;
  }

  async #ask(
    method: Exclude<Method, 'tasks'>,
    args: readonly unknown[],
    options: TaskOptions,
  ): Promise<Task> {
    checkOptions(method, options);
    const { dryRun, until } = waitOf(options);
    await this.enter({ method, key: null }, options);
    this.asked.push([method, ...args, ...(dryRun ? ['dry run'] : []), ...(until === 'begun' ? [] : [until])]);
    const { task } = this;
    options.onProgress?.(task);
    if (task.state === 'failed') throw new RangekeeperError('REFUSED', task.progress);
    return task;
  }
}

function nodeOf(node: NodeId): NodeId {
  return nameOf('a node', node);
}
