// S8: the client sessions with which the child of a merge begins.

import test from 'ava';
import { type Bytes, toBytes } from '../../../../common/base/bytes.ts';
import { ClientSessions, type DecodedSessions } from '../../../../kvnode/range/dedupe/client-sessions.ts';
import { mergedSessions } from '../../../../kvnode/range/dedupe/merged-sessions.ts';

const BOUNDS = { clientSessionsMax: 3, clientAnswersMax: 100 };

const idOf = (name: string): Bytes => toBytes(name.padEnd(16, '-'));

/** A table after these writes: client, number, doneBelow, seq. */
function table(...writes: readonly (readonly [string, number, number, number])[]): ClientSessions {
  const sessions = new ClientSessions(BOUNDS);
  for (const [client, number, doneBelow, seq] of writes) {
    const id = { clientId: idOf(client), number, doneBelow, base: 0 };
    sessions.record(id, seq, { kind: 'written', epoch: 1, revision: seq, deleted: 0 });
  }
  return sessions;
}

function begun(...tables: readonly ClientSessions[]): ClientSessions {
  const sessions = new ClientSessions(BOUNDS);
  sessions.begin(mergedSessions(tables.map((one) => one.copy())));
  return sessions;
}

const ask = (sessions: ClientSessions, client: string, number: number, base = 1_000) =>
  sessions.lookUp({ clientId: idOf(client), number, doneBelow: 1, base });

test('a split: the child has every answer, and changes by itself', (t) => {
  const parent = table(['a', 1, 1, 5], ['a', 2, 1, 6], ['b', 1, 1, 7]);
  const child = begun(parent);
  t.like(ask(child, 'a', 2), { revision: 6 });
  t.like(ask(child, 'b', 1), { revision: 7 });
  parent.record({ clientId: idOf('a'), number: 3, doneBelow: 3, base: 0 }, 9, {
    ...{ kind: 'written', epoch: 1, revision: 9, deleted: 0 },
  });
  t.is(ask(child, 'a', 3), 'new');
  t.like(ask(child, 'a', 1), { revision: 5 });
});

test('all of it is written with the first batch, and nothing twice', (t) => {
  const child = begun(table(['a', 1, 1, 5], ['b', 1, 1, 7]));
  const changes = child.takeChanges();
  t.is(changes.length, 3, 'the table and two clients');
  t.is(changes[0]?.clientId.length, 0);
  t.deepEqual(child.takeChanges(), []);
  const again = new ClientSessions(BOUNDS);
  again.load(changes.flatMap(({ clientId, record }) => (record === null ? [] : [{ clientId, record }])));
  t.like(ask(again, 'a', 1), { revision: 5 });
});

test('a merge: the answers of both parents, above the higher doneBelow', (t) => {
  const child = begun(table(['a', 2, 2, 5], ['a', 4, 2, 8]), table(['a', 3, 3, 90]));
  t.like(ask(child, 'a', 3), { revision: 90 });
  t.like(ask(child, 'a', 4), { revision: 8 });
  t.is(ask(child, 'a', 2), 'forgotten', 'its client said that it will not ask again');
});

test('a client that one parent has forgotten keeps that as its floor', (t) => {
  const forgetful = table(['a', 1, 1, 5], ['b', 1, 1, 6], ['c', 1, 1, 7], ['d', 1, 1, 8]);
  t.is(forgetful.evictedThrough, 5, 'a was evicted');
  const child = begun(forgetful, table(['a', 2, 1, 3]));
  t.is(ask(child, 'a', 1, 4), 'forgotten', 'it may have been applied in the parent that has forgotten it');
  t.is(ask(child, 'a', 1, 5), 'new');
  t.is(ask(child, 'x', 1, 4), 'forgotten', 'the higher evictedThrough counts for everybody');
});

test('too many clients: those with the lowest last seq go, and by their ids where these are equal, in any order of the tables', (t) => {
  const left = () => table(['a', 1, 1, 5], ['b', 1, 1, 9]);
  const right = () => table(['c', 1, 1, 5], ['d', 1, 1, 9]);
  const kept = (child: ClientSessions) =>
    ['a', 'b', 'c', 'd'].filter((id) => typeof ask(child, id, 1, 5) === 'object');
  t.deepEqual(kept(begun(left(), right())), ['b', 'c', 'd']);
  t.deepEqual(kept(begun(right(), left())), ['b', 'c', 'd']);
});

test('no parent that knows a client is left out, whichever comes first', (t) => {
  const tables: readonly DecodedSessions[] = [table(['a', 1, 1, 5]), table(['b', 1, 1, 6])].map((one) =>
    one.copy(),
  );
  t.is(mergedSessions(tables).sessions.length, 2);
});
