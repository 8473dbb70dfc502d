// Mutants of the storage.

import type { Mutant } from './mutant.ts';

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'skip a sync',
    rule: 'a group counts once it is synced',
    file: 'kvnode/storage/log/shared-log.ts',
    text: 'await synced;',
    replacement: 'void synced;',
  },
  {
    name: 'delete entries that are not applied',
    rule: 'a segment is deleted once all its entries are applied or copied elsewhere',
    file: 'kvnode/storage/log/retention.ts',
    text: 'first >= synced || first >= applied',
    replacement: 'first >= synced',
  },
  {
    name: 'take what a checkpoint has of the log for what is applied',
    rule: 'recovery: what was never applied is applied after the start',
    file: 'kvnode/storage/log/logged-replicas.ts',
    text: 'applied.seq < this.log.base.seq ? applied : this.log.base',
    replacement: 'this.log.base',
  },
  {
    name: 'answer a scan that a snapshot has overtaken',
    rule: 'R11: a page shows the state of one moment',
    file: 'kvnode/storage/node-storage.ts',
    text: 'if (replica.timesVoid !== timesVoid)',
    replacement: 'void timesVoid;\n      if (replica.void)',
  },
  {
    name: 'use a row without its checksum',
    rule: 'R12: damage in the state store is found before a wrong answer is sent',
    file: 'kvnode/storage/state/checked-engine.ts',
    text: 'if (!isIntact) throw new CorruptDataError',
    replacement: 'if (!isIntact && stored.length === 0) throw new CorruptDataError',
  },
  {
    name: 'ignore a lost batch',
    rule: 'R12: a missing batch of the state store between others is damage',
    file: 'kvnode/storage/state/checked-engine.ts',
    text: 'if (!marks.has(number)) {',
    replacement: 'if (number < 0) {',
  },
  {
    name: 'open LevelDB without verifying its files',
    rule: 'R12: damage in the state store is found before a wrong answer is sent',
    file: 'kvnode/storage/state/level-engine.ts',
    text: 'await verifyLevel(path);',
    replacement: 'void verifyLevel;',
  },
  {
    name: 'accept a log that ends before its state',
    rule: 'R12: a log that lost its end is damage',
    file: 'kvnode/storage/open.ts',
    text: 'if (batches.newest > 0 && !reaches(batches.group)) {',
    replacement: 'if (batches.newest > 0 && !reaches(0)) {',
  },
  {
    name: 'accept a log that ends before node.json was written',
    rule: 'R12: a lost log is detected even if the state store is empty',
    file: 'kvnode/storage/open.ts',
    text: 'if (!reaches(file.logGroup)) {',
    replacement: 'if (!reaches(0)) {',
  },
  {
    name: 'forget how far the log was synced',
    rule: 'R12: node.json records how far the log was synced when a generation was raised',
    file: 'kvnode/storage/node-storage.ts',
    text: 'logGroup: this.#log.synced,',
    replacement: 'logGroup: 0 * this.#log.synced,',
  },
  {
    name: 'accept a state that ends before its log',
    rule: 'R12: a state store that lost its end is damage where the log relies on it',
    file: 'kvnode/storage/open.ts',
    text: 'if (newest >= stateBatch) return;',
    replacement: 'if (newest >= 0) return;',
  },
  {
    name: 'forget that damage was found',
    rule: 'R12: after a running node has found damage, its next start sets the directory aside',
    file: 'kvnode/storage/open.ts',
    text: 'checkDamageMark(disk, paths);',
    replacement: 'void checkDamageMark;',
  },
  {
    name: 'ignore a missing segment',
    rule: 'R12: a log that lost its newest segment is damage',
    file: 'kvnode/storage/log/recovery.ts',
    text: 'if (number !== first + i) throw',
    replacement: 'if (number < first + i) throw',
  },
  {
    name: 'forget what is committed',
    rule: 'R3: committed entries are never truncated, not even after a restart',
    file: 'kvnode/storage/log/logged-replicas.ts',
    text: 'replica.committed = Math.max(replica.committed, cursor.committed);',
    replacement: 'void cursor.committed;',
  },
];
