// What an administrator may ask for with a new namespace: every limit is checked here. The client checks before it sends anything,
// and the leader checks again, because a task's znode may hold anything.

import { type Bytes, compareBytes, formatBytes } from '../base/bytes.ts';
import { LIMITS } from './config.ts';

export interface RequestedNamespace {
  readonly name: string;
  /** Null: the leader's default. */
  readonly replicationFactor: number | null;
  /** Null: it follows from the replication factor. */
  readonly minInSync: number | null;
  /** Keys at which the first ranges meet, in any order. Null: the leader chooses them. */
  readonly splitAt: readonly Bytes[] | null;
  /** A range that has more bytes is split. Absent: the leader's default. */
  readonly splitBytes?: number | undefined;
  /** A delimiter: no split parts keys that are equal through its first occurrence. Absent: there are no units. */
  readonly unit?: Bytes | undefined;
}

const SPLIT_BYTES_MIN = 64 * 1024;
const SPLIT_BYTES_MAX = 2 ** 40;
const UNIT_BYTES_MAX = 64;

/** A name is part of paths in ZooKeeper, of URLs and of metrics. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** Bytes of all split keys together, as the JSON of a task's znode holds them. */
const SPLIT_KEYS_JSON_MAX = LIMITS.taskBytesMax - LIMITS.taskAnswerBytesMax;

const encoder = new TextEncoder();

/** What is wrong with the request, in words; null: nothing. Whether it can be met, only the leader knows. */
export function namespaceFault(requested: RequestedNamespace): string | null {
  return namespaceNameFault(requested.name) ?? sizesFault(requested) ?? splitKeysFault(requested.splitAt);
}

/** What is wrong with what a namespace can be altered to; null: nothing. */
export function sizesFault(requested: Omit<RequestedNamespace, 'name' | 'splitAt'>): string | null {
  const { splitBytes, unit } = requested;
  const isSize = Number.isInteger(splitBytes) && Number(splitBytes) >= SPLIT_BYTES_MIN;
  if (splitBytes !== undefined && !(isSize && splitBytes <= SPLIT_BYTES_MAX))
    return `splitBytes is ${SPLIT_BYTES_MIN} to ${SPLIT_BYTES_MAX}, not ${splitBytes}`;
  if (unit !== undefined && !isWithin(unit.length, UNIT_BYTES_MAX))
    return `a unit is a delimiter of 1 to ${UNIT_BYTES_MAX} bytes`;
  return replicasFault(requested);
}

/** What is wrong with the name of a namespace; null: nothing. */
export function namespaceNameFault(name: unknown): string | null {
  if (typeof name === 'string' && name.length <= LIMITS.namespaceNameMax && NAME.test(name)) return null;
  return `a namespace's name has 1 to ${LIMITS.namespaceNameMax} characters of A-Z a-z 0-9 _ . - and begins with a letter or digit`;
}

function replicasFault({
  replicationFactor,
  minInSync,
}: Pick<RequestedNamespace, 'replicationFactor' | 'minInSync'>): string | null {
  const max = LIMITS.replicationFactorMax;
  if (replicationFactor !== null && !isWithin(replicationFactor, max))
    return `the replication factor is 1 to ${max}, not ${replicationFactor}`;
  if (minInSync === null || isWithin(minInSync, replicationFactor ?? max)) return null;
  return replicationFactor === null
    ? `minInSync is 1 to ${max}, not ${minInSync}`
    : `minInSync is 1 to the replication factor, ${replicationFactor}, not ${minInSync}`;
}

function isWithin(number: number, max: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= max;
}

/** What is wrong with the number of ranges that a namespace begins with; null: nothing. */
export function rangeCountFault(ranges: number): string | null {
  if (isWithin(ranges, LIMITS.rangesPerNamespaceCreated)) return null;
  return `a new namespace has 1 to ${LIMITS.rangesPerNamespaceCreated} ranges, not ${ranges}`;
}

function splitKeysFault(keys: readonly Bytes[] | null): string | null {
  if (keys === null) return null;
  const tooMany = rangeCountFault(keys.length + 1);
  if (tooMany !== null) return tooMany;
  if (keys.some(({ length }) => length === 0 || length > LIMITS.keyBytesMax))
    return `a split key has 1 to ${LIMITS.keyBytesMax} bytes`;
  const sorted = inKeyOrder(keys);
  const double = sorted.find((key, i) => i > 0 && compareBytes(key, sorted[i - 1] ?? key) === 0);
  if (double !== undefined) return `two split keys are the same: ${shortened(formatBytes(double))}`;
  const bytes = encoder.encode(JSON.stringify(keys.map(formatBytes))).length;
  if (bytes <= SPLIT_KEYS_JSON_MAX) return null;
  return `the split keys take ${bytes} bytes in ZooKeeper, at most ${SPLIT_KEYS_JSON_MAX} are allowed`;
}

export function inKeyOrder(keys: readonly Bytes[]): readonly Bytes[] {
  return [...keys].sort(compareBytes);
}

function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}
