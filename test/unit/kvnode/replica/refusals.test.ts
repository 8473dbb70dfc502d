// How a replica handles input that the rules exclude: an image that breaks R1, and a snapshot older than what it had.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../../../common/model/descriptor.ts';
import { origin } from '../../../../common/model/ids.ts';
import { Replica } from '../../../../kvnode/replica/replica.ts';
import { MemoryLog } from '../../../support/memory-log.ts';

const NOW = 1_000;

const DESCRIPTOR: Descriptor = {
  ...{ namespace: 'default', namespaceId: 1, id: 1, start: new Uint8Array(0), end: null, epoch: 1 },
  owner: { node: 'a', inc: 1, session: 's1' },
  replicas: [
    { node: 'a', inc: 1 },
    { node: 'b', inc: 2 },
  ],
  ...{ inSync: ['a', 'b'], minInSync: 1, state: 'serving', nextInc: 3, ...FRESH_RANGE, base: origin },
  ...{ transferTo: null, retire: null },
};

function replicaOf(self: 'a' | 'b', log = new MemoryLog()): Replica {
  const { namespace, namespaceId, start, end } = DESCRIPTOR;
  const meta = { range: 1, inc: self === 'a' ? 1 : 2, namespace, namespaceId, start, end };
  return new Replica({
    self,
    recovered: {
      ...meta,
      epochSeen: 0,
      base: origin,
      lastSeq: 0,
      applied: origin,
      committed: 0,
      void: false,
    },
    log,
    config: DEFAULT_REPLICATION,
    leaseValid: () => true,
    isHealthy: () => true,
    stampBase: 0,
  });
}

const owners = [
  { node: 'b', inc: 2, session: 's2' },
  { node: 'a', inc: 1, session: 's9' },
] as const;

for (const owner of owners) {
  test(`an owner whose epoch is given to ${owner.node} in ${owner.session} stops owning`, (t) => {
    const replica = replicaOf('a');
    replica.step({ kind: 'image', image: { descriptor: DESCRIPTOR, version: 0 }, session: 's1' }, NOW);
    t.is(replica.ownedEpoch, 1);
    const image = { descriptor: { ...DESCRIPTOR, owner }, version: 1 };
    replica.step({ kind: 'image', image, session: 's1' }, NOW);
    t.is(replica.ownedEpoch, null);
    t.is(replica.take(NOW).lost, 1);
  });
}

test('a void replica installs a snapshot that is older than what it had, because its log counts as empty', (t) => {
  const log = new MemoryLog();
  const replica = replicaOf('b', log);
  t.is(replica.offerSnapshot('a', 1, { epoch: 1, seq: 200 }), 'take');
  replica.becomeVoid();
  log.startAfter({ epoch: 1, seq: 200 });
  replica.installed({ epoch: 1, seq: 200 });
  t.is(replica.commitSeq, 200);
  t.is(replica.offerSnapshot('a', 2, { epoch: 2, seq: 300 }), 'take');
  replica.becomeVoid();
  t.is(
    replica.offerSnapshot('a', 3, { epoch: 1, seq: 200 }),
    'take',
    'the next owner has written less of its state to disk',
  );
  replica.becomeVoid();
  log.startAfter({ epoch: 1, seq: 200 });
  replica.installed({ epoch: 1, seq: 200 });
  t.is(replica.commitSeq, 200);
});
