// The shared log: groups of entries are appended and synced one after the other, compared with a plain write and sync of as many
// bytes.

import { closeSync, fdatasync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { origin } from '../../common/model/ids.ts';
import { openStorage } from '../../kvnode/storage/open.ts';
import { ENTRY_KINDS, type LogEntry } from '../../kvnode/storage/storage.ts';
import type { OpenParts, Part } from './part.ts';

const GROUP = 64;
/** The size of an operation with a key of 24 bytes and a value of 100 bytes. */
const PAYLOAD_BYTES = 160;
const RECORD_BYTES = 192;
const RAW_BYTES = 64 * 1024 * 1024;
const META = { range: 1, inc: 1, namespace: 'default', namespaceId: 1, start: new Uint8Array(0), end: null };

export const logPart: OpenParts = async (directory) => {
  const storage = await openStorage(join(directory, 'log'), { env: realEnv, logger: silentLogger });
  storage.createReplica(META, origin, 1);
  const waiting: { readonly group: number; readonly resolve: () => void }[] = [];
  storage.onSynced((group) => {
    while (waiting[0] !== undefined && waiting[0].group <= group) waiting.shift()?.resolve();
  });
  let seq = 0;
  const append = async (): Promise<number> => {
    const entries: LogEntry[] = [];
    for (let i = 0; i < GROUP; i++) {
      const payload = new Uint8Array(PAYLOAD_BYTES).fill(i);
      entries.push({ epoch: 1, seq: ++seq, kind: ENTRY_KINDS.operation, payload });
    }
    storage.logOf(META.range).append(entries);
    const { gathering: group } = storage;
    await new Promise<void>((resolve) => waiting.push({ group, resolve }));
    // The log can be deleted up to applied entries.
    for (const entry of entries) storage.apply(META.range, { epoch: 1, seq: entry.seq }, []);
    return GROUP;
  };
  const file = openSync(join(directory, 'raw-log'), 'w');
  for (let at = 0; at < RAW_BYTES; at += 1024 * 1024) writeSync(file, Buffer.alloc(1024 * 1024));
  const block = Buffer.alloc(GROUP * RECORD_BYTES, 1);
  let at = 0;
  const writeRaw = async (): Promise<number> => {
    await promisify(write)(file, block, 0, block.length, at);
    await promisify(fdatasync)(file);
    at = (at + block.length) % (RAW_BYTES - block.length);
    return GROUP;
  };
  const part: Part = {
    ...{
      name: 'log',
      subject: 'shared log',
      variant: `groups of ${GROUP} entries, one at a time`,
      unit: 'entries/s',
    },
    own: { how: 'append, synced', run: append },
    raw: { how: 'write and fdatasync of as many bytes', run: writeRaw },
  };
  const close = async (): Promise<void> => {
    closeSync(file);
    await storage.close();
  };
  return { parts: [part], close };
};
