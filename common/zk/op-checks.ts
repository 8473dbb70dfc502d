// Checks of every operation of a session before it is sent: its size, and that writes name the version that they change.

import { assert } from '../base/assert.ts';
import { DATA_BYTES_MAX } from './server-link.ts';
import { ZkError, type ZkOp } from './store.ts';

export function existence(path: string): ZkOp {
  return { kind: 'check', path, version: ANY_VERSION };
}

/** Only for checks of existence. A write always names the version that it changes. */
const ANY_VERSION = -1;

export function checkedVersion(version: number): number {
  assert(Number.isInteger(version) && version >= 0, 'a write names the version that it changes');
  return version;
}

export function checkSize(path: string, bytes: number): void {
  if (bytes <= DATA_BYTES_MAX) return;
  throw new ZkError('too-large', path, {
    message: `ZooKeeper: ${bytes} bytes at ${path}, at most ${DATA_BYTES_MAX} are allowed`,
  });
}

export function totalBytes(ops: readonly ZkOp[]): number {
  return ops.reduce((sum, op) => sum + (op.kind === 'create' || op.kind === 'set' ? op.data.length : 0), 0);
}
