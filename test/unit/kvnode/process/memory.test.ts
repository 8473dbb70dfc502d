// The limits of a node for a number of bytes: the parts add up, each is at least its minimum, and with much memory every limit is its
// default.

import test from 'ava';
import { checkReplication, DEFAULT_REPLICATION, LIMITS } from '../../../../common/model/config.ts';
import { DEFAULT_CHANNEL } from '../../../../common/net/channel-config.ts';
import { ProcessExit } from '../../../../common/process/exit.ts';
import { readFlags } from '../../../../common/process/flags.ts';
import { SCANS_MAX } from '../../../../kvnode/client-service.ts';
import { COMMAND } from '../../../../kvnode/process/command.ts';
import {
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  memoryBytes,
  nodeMemory,
  withLogRetention,
} from '../../../../kvnode/process/memory.ts';
import { heapFlags } from '../../../../kvnode/process/v8-and-malloc.ts';
import { Caches } from '../../../../kvnode/storage/cache/caches.ts';
import { DEFAULT_LEVEL, DEFAULT_LIMITS } from '../../../../kvnode/storage/limits.ts';
import { seededRng } from '../../../support/rng.ts';

const MIB = 1024 * 1024;

test('with much memory a node has the default limits, and V8 chooses its own', (t) => {
  for (const bytes of [MEMORY_BYTES_MAX, 64 * 1024 * MIB]) {
    const memory = nodeMemory(bytes);
    t.deepEqual(memory.storage, DEFAULT_LIMITS);
    t.deepEqual(memory.level, DEFAULT_LEVEL);
    t.deepEqual(memory.replication, DEFAULT_REPLICATION);
    t.is(memory.queuedBytesMax, DEFAULT_CHANNEL.queuedBytesMax);
    t.is(memory.scansMax, SCANS_MAX);
    t.deepEqual(heapFlags(memory), ['--initial-old-space-size=64']);
  }
});

function sizes(): number[] {
  const { below } = seededRng(7);
  const span = MEMORY_BYTES_MAX - MEMORY_BYTES_MIN;
  const random = Array.from({ length: 500 }, () => MEMORY_BYTES_MIN + below(span));
  return [MEMORY_BYTES_MIN, ...random.sort((a, b) => a - b), MEMORY_BYTES_MAX];
}

test('the parts add up to what was given, and each grows with it', (t) => {
  let before = nodeMemory(MEMORY_BYTES_MIN);
  for (const bytes of sizes()) {
    const memory = nodeMemory(bytes);
    const values = Object.values(memory.parts);
    const sum = values.reduce((total, part) => total + part, 0);
    t.true(sum <= bytes && sum > bytes - values.length, `${sum} of ${bytes}`);
    for (const [name, part] of Object.entries(memory.parts))
      t.true(part >= before.parts[name as keyof typeof before.parts], name);
    before = memory;
  }
});

test('at every size there is room for one operation, one message and one Append', (t) => {
  for (const bytes of sizes()) {
    const { storage, replication, queuedBytesMax, heap } = nodeMemory(bytes);
    checkReplication(replication);
    t.true(replication.uncommittedBytesMax >= LIMITS.operationBytesMax);
    t.true(queuedBytesMax > DEFAULT_CHANNEL.messageBytesGoal);
    t.true(storage.segmentBytes >= MIB);
    t.true(heap === null || heap.maxOldSpaceMib >= 32);
  }
});

test('rows in memory and the table that finds them fit their part', (t) => {
  for (const bytes of [MEMORY_BYTES_MIN, 256_000_000, MEMORY_BYTES_MAX]) {
    const { parts, storage } = nodeMemory(bytes);
    const before = process.memoryUsage().arrayBuffers;
    const caches = new Caches(storage.cacheBytes);
    const table = process.memoryUsage().arrayBuffers - before;
    t.true(storage.cacheBytes + table <= parts.caches, `${table} bytes of table at ${bytes}`);
    t.is(caches.rows.bytes, 0);
  }
});

test('a node uses the given memory, else the limit of its container, else half of the machine', (t) => {
  const machineBytes = 16e9;
  t.is(memoryBytes(300e6, { machineBytes, containerBytes: 1e9 }), 300e6);
  t.is(memoryBytes(null, { machineBytes, containerBytes: 1e9 }), 1e9);
  t.is(memoryBytes(null, { machineBytes, containerBytes: null }), 8e9);
});

test('too little is refused in one line', (t) => {
  const read = (memory: string) => readFlags(COMMAND, ['--data', 'd', '--memory', memory], {}).values.memory;
  t.is(read('256MB'), 256_000_000);
  t.is(read(String(MEMORY_BYTES_MIN)), MEMORY_BYTES_MIN);
  const error = t.throws(() => read('128MiB'), { instanceOf: ProcessExit });
  t.is(
    error.message,
    'rangekeeper kvnode: --memory: 128 MiB is too little: a node needs 200 MiB or more (see rangekeeper kvnode --help)',
  );
  t.throws(() => read(String(MEMORY_BYTES_MIN - 1)), { instanceOf: ProcessExit });
});

test('the retention of the log can be set, and the other limits of the storage are adapted', (t) => {
  for (const bytes of sizes()) {
    const { storage } = nodeMemory(bytes);
    t.is(withLogRetention(storage, null, null), storage);
    for (const [keep, retain] of [
      [1, null],
      [3, 1],
      [null, 1],
      [null, 1000],
      [64, 256],
      [7, 1000],
      [1000, null],
    ] as const) {
      const limits = withLogRetention(storage, keep, retain);
      t.true(Object.values(limits).every(Number.isInteger), JSON.stringify(limits));
      if (keep !== null) t.is(limits.keepBytes, keep * MIB);
      t.true(limits.retainBytes >= limits.keepBytes);
      t.true(limits.flushBytes <= limits.keepBytes / 4);
      t.true(limits.segmentBytes >= MIB && limits.segmentBytes <= Math.max(MIB, limits.keepBytes / 4));
    }
  }
});
