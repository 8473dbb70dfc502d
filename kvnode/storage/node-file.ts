// node.json: the identity of a data directory. The node id is made once. It stands for this disk and for what its log
// has acknowledged (R12), so it never moves to another disk. The lineage distinguishes this directory from older copies of
// it (lineage.ts).
//
// The file also says how far the log was synced when the file was written, which happens at each start and at each raised
// generation. So a lost log is noticed even if the state store is empty.

import { toBytes, toHex } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { CorruptDataError, DataFormatError } from './data-errors.ts';
import type { Disk } from './disk.ts';
import type { Paths } from './files.ts';
import { type Lineage, NEW_LINEAGE, parseLineage } from './lineage.ts';

const FORMAT = 3;
/** The previous format, which has no logGroup. */
const PREVIOUS_FORMAT = 2;
const NODE_ID = /^n-[0-9a-f]{16}$/;

export interface NodeFile {
  readonly nodeId: NodeId;
  /** Null until the node has joined a cluster. */
  readonly clusterId: string | null;
  readonly lineage: Lineage;
  /** The log was synced through this group when the file was written. 0 if there was no log yet. */
  readonly logGroup: number;
}

export function newNodeFile(env: Env): NodeFile {
  return { nodeId: `n-${toHex(env.randomBytes(8))}`, clusterId: null, lineage: NEW_LINEAGE, logGroup: 0 };
}

/** Null if there is no such file. Throws DataFormatError, CorruptDataError. */
export function readNodeFile(disk: Disk, paths: Paths): NodeFile | null {
  const bytes = disk.read(paths.node);
  return bytes === null ? null : parse(paths.node, Buffer.from(bytes).toString('utf8'));
}

export function writeNodeFile(disk: Disk, paths: Paths, file: NodeFile): Promise<void> {
  return disk.replace(paths.node, toBytes(`${JSON.stringify({ format: FORMAT, ...file }, null, 2)}\n`));
}

function parse(path: string, text: string): NodeFile {
  const fields = parseObject(path, text);
  if (fields.format !== FORMAT && fields.format !== PREVIOUS_FORMAT)
    throw new DataFormatError(`${path} has format ${String(fields.format)}, not ${FORMAT}`);
  const { nodeId, clusterId } = fields;
  const hasNodeId = typeof nodeId === 'string' && NODE_ID.test(nodeId);
  if (!hasNodeId || !(clusterId === null || typeof clusterId === 'string')) {
    throw new CorruptDataError(`${path} has no valid node id or cluster id`);
  }
  const lineage = parseLineage(fields.lineage);
  if (lineage === null) throw new CorruptDataError(`${path} has no valid lineage`);
  return { nodeId, clusterId, lineage, logGroup: logGroupIn(path, fields, lineage) };
}

function logGroupIn(
  path: string,
  { format, logGroup }: Readonly<Record<string, unknown>>,
  { generation }: Lineage,
): number {
  // If a process has served the directory, at least the first group of its log was synced.
  if (format === PREVIOUS_FORMAT) return Math.min(generation, 1);
  if (typeof logGroup !== 'number' || !Number.isSafeInteger(logGroup) || logGroup < 0)
    throw new CorruptDataError(`${path} does not say how far the log was synced`);
  return logGroup;
}

function parseObject(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new CorruptDataError(`${path} is not JSON`, { cause });
  }
}
