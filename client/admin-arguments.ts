// Checks the arguments of administrators' calls before anything is sent, and makes parts of requests of them.

import { formatBytes } from '../common/base/bytes.ts';
import { LIMITS } from '../common/model/config.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { TaskRequest } from '../common/model/records.ts';
import { CHILDREN_MAX } from '../common/model/replacement.ts';
import { sizesFault } from '../common/model/requested-namespace.ts';
import type { TaskWait } from './admin.ts';
import type { AlterOptions, TaskOptions } from './admin-api.ts';
import type { Key, NodeView } from './api.ts';
import { bytesOf, flagOf, invalid, keyBytes, nameOf, namespaceNameOf, shown } from './arguments.ts';

type Waiting = Pick<TaskWait, 'dryRun' | 'until' | 'onProgress'>;

/** A dry run is waited for, because its answer is all that it is for. */
export function waitOf({ dryRun, wait, onProgress }: TaskOptions): Waiting {
  const isDryRun = flagOf('dryRun', dryRun);
  const ends = flagOf('wait', wait) || isDryRun;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    invalid(`onProgress is a function, not ${shown(onProgress)}`);
  const until = ends ? 'ended' : wait === undefined ? 'begun' : 'written';
  return { dryRun: isDryRun, until, onProgress };
}

/** In text form. */
export function splitKeysOf(keys: Key | readonly Key[]): readonly string[] {
  const list: readonly Key[] = Array.isArray(keys) ? keys : [keys as Key];
  if (list.length < 1 || list.length >= CHILDREN_MAX)
    invalid(`a split takes 1 to ${CHILDREN_MAX - 1} keys, not ${list.length}`);
  return list.map((key) => formatBytes(keyBytes(key)));
}

export function rangeIdOf(range: RangeId): RangeId {
  if (!Number.isSafeInteger(range) || range < 1 || range > LIMITS.rangeIdMax)
    invalid(`a range is a positive integer, not ${shown(range)}`);
  return range;
}

export function taskIdOf(id: string): string {
  if (!/^[0-9a-f-]{1,64}$/.test(nameOf('a task', id))) invalid(`a task is named by its id, not ${shown(id)}`);
  return id;
}

/** The id of the node with this id or name. The leader decides about a node that this client does not know. */
export function resolvedNode(node: NodeId, views: readonly NodeView[]): NodeId {
  const wanted = nameOf('a node', node);
  if (views.some(({ id }) => id === wanted)) return wanted;
  const named = views.filter(({ record }) => record?.name === wanted).map(({ id }) => id);
  if (named.length > 1) invalid(`several nodes are called ${wanted}, give an id: ${named.join(', ')}`);
  return named[0] ?? wanted;
}

export function alteration(
  name: string,
  { replicas, minInSync, splitBytes, unit }: AlterOptions,
): Extract<TaskRequest, { kind: 'alter-namespace' }> {
  const unitBytes = unit === undefined ? undefined : bytesOf(unit, 'a unit');
  const sizes = {
    replicationFactor: replicas ?? null,
    minInSync: minInSync ?? null,
    splitBytes,
    unit: unitBytes,
  };
  const fault = sizesFault(sizes);
  if (fault !== null) invalid(fault);
  if ([replicas, minInSync, splitBytes, unit].every((option) => option === undefined))
    invalid('alterNamespace needs something to change: replicas, minInSync, splitBytes or unit');
  return {
    ...{ kind: 'alter-namespace', name: namespaceNameOf(name) },
    ...(replicas === undefined ? {} : { replicationFactor: replicas }),
    ...(minInSync === undefined ? {} : { minInSync }),
    ...(splitBytes === undefined ? {} : { splitBytes }),
    ...(unitBytes === undefined ? {} : { unit: formatBytes(unitBytes) }),
  };
}
