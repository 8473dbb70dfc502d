// node.json: who a data directory is. The node id is made once; it stands for this disk and what its log acknowledged
// (R12), and never moves to another one. The lineage tells this directory from older copies of it (lineage.ts).

import { toBytes, toHex } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { Disk } from './disk.ts';
import { CorruptDataError, DataFormatError } from './errors.ts';
import type { Paths } from './files.ts';
import { type Lineage, NEW_LINEAGE, parseLineage } from './log/lineage.ts';

const FORMAT = 2;
const NODE_ID = /^n-[0-9a-f]{16}$/;

export interface NodeFile {
  readonly nodeId: NodeId;
  /** Null until the node first joined one. */
  readonly clusterId: string | null;
  readonly lineage: Lineage;
}

export function newNodeFile(env: Env): NodeFile {
  return { nodeId: `n-${toHex(env.randomBytes(8))}`, clusterId: null, lineage: NEW_LINEAGE };
}

/** Null where there is none. */
export function readNodeFile(disk: Disk, paths: Paths): NodeFile | null {
  const bytes = disk.read(paths.node);
  return bytes === null ? null : parse(paths.node, Buffer.from(bytes).toString('utf8'));
}

export function writeNodeFile(disk: Disk, paths: Paths, file: NodeFile): Promise<void> {
  return disk.replace(paths.node, toBytes(`${JSON.stringify({ format: FORMAT, ...file }, null, 2)}\n`));
}

function parse(path: string, text: string): NodeFile {
  const fields = parseObject(path, text);
  if (fields.format !== FORMAT)
    throw new DataFormatError(`${path} has format ${String(fields.format)}, not ${FORMAT}`);
  const { nodeId, clusterId } = fields;
  const whole = typeof nodeId === 'string' && NODE_ID.test(nodeId);
  if (!whole || !(clusterId === null || typeof clusterId === 'string')) {
    throw new CorruptDataError(`${path} names no node`);
  }
  const lineage = parseLineage(fields.lineage);
  if (lineage === null) throw new CorruptDataError(`${path} has no lineage`);
  return { nodeId, clusterId, lineage };
}

function parseObject(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new CorruptDataError(`${path} is not JSON`, { cause });
  }
}
