// Breakages of what holds where a disk or ZooKeeper lost what it had promised (R12).

import type { Mutant } from './mutant.ts';

export const MUTANTS_OF_LOST_PROMISES: readonly Mutant[] = [
  {
    name: 'use an older copy of a data directory',
    rule: 'R12: a node id belongs to a log that never lost what it acknowledged',
    file: 'kvnode/zk/generation.ts',
    text: 'if (known === null || contains(lineage, known)) return;\n  throw new CorruptDataError(',
    replacement: 'if (known === null || lineage.generation >= 0) return;\n  throw new CorruptDataError(',
  },
  {
    name: 'raise in ZooKeeper what the directory does not hold',
    rule: 'R12: raised in the directory first, durably',
    file: 'kvnode/storage/node-storage.ts',
    text: 'return this.#changeFile((file) => ({ ...file, lineage: raisedBy(file.lineage, writer) }));',
    replacement:
      'this.#file = { ...this.#file, lineage: raisedBy(this.#file.lineage, writer) };\n    return Promise.resolve();',
  },
  {
    name: 'tell copies apart by the number alone',
    rule: 'R12: two copies that were both raised once are two',
    file: 'kvnode/storage/log/lineage.ts',
    text: 'return run === undefined || run.writer === other.writer;',
    replacement: 'return run === undefined || run.writer !== null;',
  },
  {
    name: 'register beside what ZooKeeper knows',
    rule: 'R12: the generation is raised in the multi that makes the live znode',
    file: 'kvnode/zk/registration.ts',
    text: 'const generation = async () => [await this.#generations.mirror(session)];',
    replacement: 'const generation = async () => [await this.#generations.mirror(session)].slice(1);',
  },
  {
    name: 'call an id gone of which another copy went on',
    rule: 'R12: only the newest directory of an id says that it is gone',
    file: 'kvnode/zk/former-nodes.ts',
    text: 'if (!contains(lineage, generationCodec.decode(generation.data))) {',
    replacement: "if (!contains(lineage, generationCodec.decode(generation.data)) && nodeId === '') {",
  },
  {
    name: 'call an id gone that is registered',
    rule: 'R12: a live id is left alone',
    file: 'kvnode/zk/former-nodes.ts',
    text: 'if (live !== null) {',
    replacement: "if (live !== null && nodeId === '') {",
  },
  {
    name: 'call an id gone whatever was registered meanwhile',
    rule: 'R12: the mark checks the generation that was read',
    file: 'kvnode/zk/former-nodes.ts',
    text: "{ kind: 'check', path: paths.generation(id), version: generation.version },",
    replacement: '',
  },
  {
    name: 'take a claim that contradicts what is committed',
    rule: 'R3, R12: a committed entry is never truncated',
    file: 'kvnode/replica/claims.ts',
    text: 'return position.seq <= commitSeq && position.seq >= index.base.seq && !index.has(position);',
    replacement: 'return position.seq < 0 && position.seq >= index.base.seq && !index.has(position);',
  },
  {
    name: 'go on in a fenced epoch',
    rule: 'R4, R12: a replica that was told the impossible takes nothing more under that epoch',
    file: 'kvnode/replica/fence.ts',
    text: 'return this.#conflict === null;',
    replacement: 'return claim === null;',
  },
  {
    name: 'serve what an in-sync member contradicts',
    rule: 'R11, R12: an owner that lacks a committed entry serves nothing',
    file: 'kvnode/replica/contest.ts',
    text: 'if (isInSync) this.#conflict ??= conflict;',
    replacement: 'if (isInSync) this.#learners.add(node);',
  },
  {
    name: 'take two owners of one epoch',
    rule: 'R1: an epoch has one owner',
    file: 'kvnode/replica/fence.ts',
    text: 'first === from ? judge()',
    replacement: 'first !== null ? judge()',
  },
  {
    name: "take another range's descriptor",
    rule: 'R9: a replica is matched with its own descriptor',
    file: 'kvnode/range/range-host.ts',
    text: 'namespaceId === own.namespaceId && compareBytes(start, own.start) === 0',
    replacement: 'namespaceId > 0 && compareBytes(start, own.start) === 0',
  },
  {
    name: 'wipe for a descriptor that is over',
    rule: 'R9: only on an image newer than the addition',
    file: 'kvnode/range/range-host.ts',
    text: 'nextInc > replica.inc && epoch >= replica.epochSeen;',
    replacement: 'nextInc > replica.inc && epoch >= 0;',
  },
  {
    name: 'begin again at an older log',
    rule: 'the highest last (epoch, seq) of all reports',
    file: 'common/model/raise-epochs.ts',
    text: 'best === null || comparePlaces(report, best) > 0 ? report : best',
    replacement: 'best === null || comparePlaces(report, best) < 0 ? report : best',
  },
  {
    name: 'begin again while the owner may serve',
    rule: 'R1, R7: nobody may own the present epoch',
    file: 'common/model/raise-epochs.ts',
    text: "report.role === 'owner' || report.epochSeen < epoch",
    replacement: "report.role === 'void'",
  },
  {
    name: 'begin again without a report of every node',
    rule: 'a node that is silent may hold what the others lack',
    file: 'common/model/raise-epochs.ts',
    text: 'const silent = force ? []',
    replacement: 'const silent = force || reports.size > 0 ? []',
  },
];
