// The client-session table (R13): its answers, its evictions, and that the same entries make the same table.

import test from 'ava';
import fc from 'fast-check';
import { DEFAULT_REPLICATION, LIMITS } from '../../../../../common/model/config.ts';
import type { WriteAnswer } from '../../../../../kvnode/range/dedupe/answer-window.ts';
import {
  ClientSessions,
  type SessionLimits,
  type WriteId,
} from '../../../../../kvnode/range/dedupe/client-sessions.ts';
import type { SessionRow } from '../../../../../kvnode/storage/storage.ts';

function clientId(client: number): Uint8Array {
  // Some ids have the same first four bytes, by which they are looked up.
  const id = new Uint8Array(16).fill(client);
  return client % 2 === 0 ? id : id.fill(0, 0, 4);
}

function id(client: number, number: number, doneBelow: number, base: number): WriteId {
  return { clientId: clientId(client), number, doneBelow, base };
}

function written(seq: number): WriteAnswer {
  return { kind: 'written', epoch: 1 + Math.floor(seq / 7), revision: seq, deleted: seq % 3 };
}

/** Rows as text, in order of the client ids. */
function textOf(rows: readonly SessionRow[]): string[] {
  return rows
    .map(
      ({ clientId, record }) =>
        `${Buffer.from(clientId).toString('hex')} ${Buffer.from(record).toString('hex')}`,
    )
    .sort();
}

// ---- lookups, as a table ------------------------------------------------------------------------------------------

/** Client 1 wrote 3 (seq 10) and 5 (seq 12). Client 2 wrote 1 (seq 11), was evicted, and came back with 9. */
function example(): ClientSessions {
  const sessions = new ClientSessions({ ...DEFAULT_REPLICATION, clientSessionsMax: 2 });
  sessions.record(id(1, 3, 2, 0), 10, { kind: 'conflict', revision: 4, index: 2 });
  sessions.record(id(2, 1, 1, 0), 11, written(11));
  sessions.record(id(1, 5, 3, 10), 12, written(12));
  sessions.record(id(3, 1, 1, 0), 13, written(13));
  sessions.record(id(1, 6, 3, 12), 14, written(14));
  sessions.record(id(2, 9, 1, 14), 15, written(15));
  return sessions;
}

const found = test.macro({
  exec(t, write: WriteId, expected: WriteAnswer | 'new' | 'forgotten') {
    t.deepEqual(example().lookUp(write), expected);
  },
  title: (what = '', _write, expected) =>
    `${what}: ${typeof expected === 'string' ? expected : 'answered as the first time'}`,
});

test('a write sent again', found, id(1, 5, 3, 10), written(12));
test('a conflict sent again', found, id(1, 3, 2, 0), { kind: 'conflict', revision: 4, index: 2 });
test('a number that was not used yet', found, id(1, 7, 7, 14), 'new');
test('a number between others', found, id(1, 4, 3, 0), 'new');
test('a number below doneBelow', found, id(1, 2, 2, 0), 'forgotten');
test('an unknown client with an old base', found, id(4, 1, 1, 12), 'forgotten');
test('an unknown client with a base that is not below the evicted seqs', found, id(4, 1, 1, 13), 'new');
test('an evicted client that came back, with an older write', found, id(2, 1, 1, 0), 'forgotten');
test('an evicted client that came back, with a newer base', found, id(2, 10, 1, 14), 'new');

test('the client with the lowest last seq is evicted, whoever came first', (t) => {
  const sessions = new ClientSessions({ ...DEFAULT_REPLICATION, clientSessionsMax: 2 });
  sessions.record(id(1, 1, 1, 0), 1, written(1));
  sessions.record(id(2, 1, 1, 0), 2, written(2));
  sessions.record(id(1, 2, 2, 1), 3, written(3));
  sessions.record(id(3, 1, 1, 2), 4, written(4));
  t.is(sessions.clients, 2);
  t.is(sessions.evictedThrough, 2);
  t.deepEqual(sessions.lookUp(id(1, 2, 2, 1)), written(3));
});

test('too many answers of all clients: clients are evicted too', (t) => {
  const sessions = new ClientSessions({ clientSessionsMax: 100, clientAnswersMax: 10 });
  for (let n = 1; n <= 6; n++) sessions.record(id(1, n, 1, 0), n, written(n));
  sessions.record(id(2, 1, 1, 0), 7, written(7));
  for (let n = 2; n <= 5; n++) sessions.record(id(2, n, 1, 0), 6 + n, written(6 + n));
  t.deepEqual([sessions.clients, sessions.evictedThrough], [1, 6]);
  t.deepEqual(sessions.lookUp(id(2, 1, 1, 0)), written(7));
});

test('the widest window that a client may have, with writes in and out of order', (t) => {
  const sessions = new ClientSessions(DEFAULT_REPLICATION);
  const last = LIMITS.writeWindow;
  for (let n = last; n >= 1; n--) sessions.record(id(1, n, 1, 0), 1 + last - n, written(1 + last - n));
  t.deepEqual(sessions.lookUp(id(1, 1, 1, 0)), written(last));
  t.deepEqual(sessions.lookUp(id(1, last, 1, 0)), written(1));
  sessions.record(id(1, last + 1, last, 0), last + 1, written(last + 1));
  t.is(sessions.lookUp(id(1, last - 1, 1, 0)), 'forgotten');
  t.deepEqual(sessions.lookUp(id(1, last, last, 0)), written(1));
  const again = new ClientSessions(DEFAULT_REPLICATION);
  again.load(sessions.rows());
  t.deepEqual(textOf(again.rows()), textOf(sessions.rows()));
});

// ---- against a model -----------------------------------------------------------------------------------------------

/**
 * Clients that write and repeat their writes, late and out of order, over a network that repeats and delays everything
 * without bound. The model remembers every write that was ever applied.
 */
class Model {
  readonly bounds: SessionLimits = { clientSessionsMax: 3, clientAnswersMax: 9 };
  readonly sessions = new ClientSessions(this.bounds);
  seq = 0;
  readonly answers = new Map<string, WriteAnswer>();
  /** Everything that was ever sent. Any of it may arrive again at any time. */
  readonly sent: { readonly write: WriteId; readonly client: Client }[] = [];
  readonly clients = Array.from({ length: 4 }, (_, n) => new Client(n + 1));
  readonly seen = { new: 0, again: 0, forgotten: 0 };

  send(client: Client): void {
    const write = client.begin(this.seq);
    this.sent.push({ write, client });
  }

  /** Applies an entry with this write, as every replica does. */
  arrive(at: number): void {
    const mail = this.sent[at % Math.max(1, this.sent.length)];
    if (mail === undefined) return;
    const { write, client } = mail;
    const seq = ++this.seq;
    const key = `${write.clientId[15]}/${write.number}`;
    const before = this.answers.get(key);
    const known = this.sessions.lookUp(write);
    if (known === 'forgotten') {
      this.seen.forgotten++;
    } else if (known === 'new') {
      this.seen.new++;
      if (before !== undefined) throw new Error(`${key} is applied twice`);
      const answer: WriteAnswer =
        seq % 5 === 0 ? { kind: 'conflict', revision: seq - 1, index: null } : written(seq);
      this.sessions.record(write, seq, answer);
      this.answers.set(key, answer);
    } else {
      this.seen.again++;
      if (JSON.stringify(known) !== JSON.stringify(before)) throw new Error(`${key} has another answer`);
    }
    client.ended(write.number);
    if (this.sessions.clients > this.bounds.clientSessionsMax) throw new Error('too many clients');
  }
}

class Client {
  readonly #id: Uint8Array;
  #next = 1;
  readonly #underWay = new Set<number>();

  constructor(n: number) {
    this.#id = clientId(n);
  }

  begin(base: number): WriteId {
    // Like the window of a real client: beyond it no write begins.
    const lowest = Math.min(this.#next, ...this.#underWay);
    if (this.#next - lowest >= 8) this.#underWay.delete(lowest);
    this.#underWay.add(this.#next);
    const doneBelow = Math.min(...this.#underWay);
    return { clientId: this.#id, number: this.#next++, doneBelow, base };
  }

  ended(number: number): void {
    this.#underWay.delete(number);
  }
}

type Step =
  | { readonly kind: 'send'; readonly client: number }
  | { readonly kind: 'arrive'; readonly at: number };

const steps = fc.array(
  fc.oneof(fc.record({ kind: fc.constant('send' as const), client: fc.nat(3) }), {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('arrive' as const), at: fc.nat(1_000) }),
  }),
  { minLength: 20, maxLength: 300 },
);

function take(model: Model, step: Step): void {
  const client = step.kind === 'send' ? model.clients[step.client] : undefined;
  if (client !== undefined) model.send(client);
  else if (step.kind === 'arrive') model.arrive(step.at);
}

test('no write is applied twice, and each repetition gets the first answer', (t) => {
  const seen = { new: 0, again: 0, forgotten: 0 };
  fc.assert(
    fc.property(steps, (plan: readonly Step[]) => {
      const model = new Model();
      for (const step of plan) take(model, step);
      for (const kind of ['new', 'again', 'forgotten'] as const) seen[kind] += model.seen[kind];
    }),
    { numRuns: 500, endOnFailure: true },
  );
  t.true(seen.new > 1_000 && seen.again > 1_000 && seen.forgotten > 1_000, JSON.stringify(seen));
});

test('a table that is saved change by change and reloaded at any moment equals the one in memory', (t) => {
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.nat(9)), (plan: readonly Step[], dice) => {
      const model = new Model();
      const disk = new Map<string, SessionRow>();
      let twin = new ClientSessions(model.bounds);
      const save = () => {
        for (const { clientId, record } of twin.takeChanges()) {
          const key = Buffer.from(clientId).toString('hex');
          if (record === null) disk.delete(key);
          else disk.set(key, { clientId, record });
        }
      };
      for (const step of plan) {
        const mail =
          step.kind === 'arrive' ? model.sent[step.at % Math.max(1, model.sent.length)] : undefined;
        take(model, step);
        if (mail === undefined) continue;
        const key = `${mail.write.clientId[15]}/${mail.write.number}`;
        const answer = model.answers.get(key);
        if (twin.lookUp(mail.write) === 'new' && answer !== undefined)
          twin.record(mail.write, model.seq, answer);
        const roll = dice.next().value ?? 0;
        if (roll > 3) save();
        if (roll !== 9) continue;
        twin = new ClientSessions(model.bounds);
        twin.load([...disk.values()]);
      }
      const whole = model.sessions.rows();
      t.deepEqual(textOf(twin.rows()), textOf(whole));
      save();
      const atRest = [...disk.values()];
      const clients = (rows: readonly SessionRow[]) => rows.filter(({ clientId }) => clientId.length > 0);
      t.deepEqual(textOf(clients(atRest)), textOf(clients(whole)));
    }),
    { numRuns: 300, endOnFailure: true },
  );
});

for (const [what, record] of [
  ['nothing', []],
  ['a cut varint', [1, 2, 0x80]],
  ['half an answer', [9, 0, 1, 0, 1]],
] as const) {
  test(`a record of ${what} is refused`, (t) => {
    const row = { clientId: clientId(1), record: Uint8Array.from(record) };
    t.throws(() => new ClientSessions(DEFAULT_REPLICATION).load([row]), { instanceOf: RangeError });
  });
}
