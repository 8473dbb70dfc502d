// The owner's side of consistency checks: which replicas are waited for, which reports count, and how a check ends.

import test from 'ava';
import type { RangeCheck } from '../../../../common/model/range-check.ts';
import type { FollowerStatus, ReplicaStatus } from '../../../../common/model/status.ts';
import { RangeChecks } from '../../../../kvnode/scrub/range-checks.ts';
import type { Digest } from '../../../../kvnode/scrub/verdict.ts';
import { ENTRY_KINDS } from '../../../../kvnode/storage/storage.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

const GOOD: Digest = { rows: 3, checksum: 7 };
const OTHER: Digest = { rows: 3, checksum: 8 };
const EPOCH = 4;
const SEQ = 11;
const HERE = { epoch: EPOCH, seq: SEQ };
const TIMEOUT_MS = 1_000;

const STATUS: ReplicaStatus = {
  ...{ range: 1, inc: 1, role: 'owner', epochSeen: EPOCH, lastSeq: 0, syncedSeq: 0, commitSeq: 0 },
  ...{ descriptorEpoch: EPOCH, lastEpoch: EPOCH, conflict: null },
  ...{ appliedSeq: 0, readOnlySince: null, staleMs: null, followers: ['b', 'c'].map(follower) },
};

function follower(node: string): FollowerStatus {
  return { node, progress: 'stream', ackedSeq: 0, lag: 0 };
}

/** A range of nodes a (the owner), b, c, with incs 1, 2, 3. */
class OwnedRange {
  readonly env = new VirtualEnv();
  readonly ended: (RangeCheck | null)[] = [];
  readonly checks = new RangeChecks({
    env: this.env,
    self: 'a',
    config: { checkTimeoutMs: TIMEOUT_MS },
    touched: () => {},
    ended: (_, check) => this.ended.push(check),
  });
  readonly replica = {
    ownedEpoch: EPOCH as number | null,
    proposed: 0,
    image: {
      descriptor: {
        replicas: ['a', 'b', 'c'].map((node, index) => ({ node, inc: index + 1 })),
        inSync: ['a', 'b', 'c'],
      },
    },
    status: () => STATUS,
    propose(_epoch: number, kind: number, payload: Uint8Array): number {
      if (kind !== ENTRY_KINDS.check || payload.length > 0) throw new Error('not a check');
      this.proposed++;
      return this.proposed === 1 ? SEQ : SEQ + this.proposed;
    },
  };
  readonly host = { range: 1, replica: this.replica };

  get verdicts(): string {
    const last = this.ended.at(-1);
    return last === undefined || last === null ? String(last) : `${last.verdict}: ${words(last)}`;
  }

  report(from: string, digest: Digest | null = GOOD, inc = 'abc'.indexOf(from) + 1, at = HERE): void {
    if (from === 'a') this.checks.applied(1, at);
    this.checks.report(1, at, { node: from, inc, digest });
  }
}

function words(check: RangeCheck): string {
  return check.replicas.map(({ node, verdict }) => `${node} ${verdict}`).join(', ');
}

test('a check ends once the owner and all followers in state stream have reported', (t) => {
  const range = new OwnedRange();
  const begun = range.checks.begin(range.host) as RangeCheck;
  t.like(begun, { range: 1, epoch: EPOCH, seq: SEQ, verdict: null });
  range.report('b');
  range.report('a');
  t.is(range.checks.count, 1);
  t.is(range.checks.find(1, EPOCH, SEQ)?.verdict, null);
  range.report('c');
  t.is(range.verdicts, 'sound: a sound, b sound, c sound');
  t.is(range.checks.count, 0);
  t.is(range.checks.find(1, EPOCH, SEQ)?.verdict, 'sound');
});

test('a replica that differs from the majority is damaged', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['a', 'b']) range.report(node);
  range.report('c', OTHER);
  t.is(range.verdicts, 'damaged: a sound, b sound, c damaged');
});

test('the owner itself may be damaged', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['b', 'c']) range.report(node);
  range.report('a', OTHER);
  t.is(range.verdicts, 'damaged: a damaged, b sound, c sound');
});

test('a silent replica is waited for until the deadline', async (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  await range.env.run(400);
  range.report('a');
  range.report('b');
  await range.env.run(TIMEOUT_MS);
  t.is(range.ended.length, 0, 'the deadline includes twice the time that the owner took');
  await range.env.run(2_000);
  t.is(range.verdicts, 'sound: a sound, b sound, c silent');
});

test('a replica that leaves the in-sync set is no longer waited for', async (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['a', 'b']) range.report(node);
  range.replica.image.descriptor.inSync = ['a', 'b'];
  await range.env.run(TIMEOUT_MS - 100);
  t.is(range.verdicts, 'sound: a sound, b sound, c silent');
});

test('a replica that declines is not waited for', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['a', 'b']) range.report(node);
  range.report('c', null);
  t.is(range.verdicts, 'sound: a sound, b sound, c silent');
});

test('a report of another inc, another epoch or another check does not count', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['a', 'b']) range.report(node);
  range.report('c', OTHER, 9);
  range.report('c', OTHER, 3, { epoch: EPOCH - 1, seq: SEQ });
  range.report('c', OTHER, 3, { epoch: EPOCH, seq: SEQ - 1 });
  range.report('d', OTHER, 3);
  t.is(range.ended.length, 0);
  range.report('c');
  t.is(range.verdicts, 'sound: a sound, b sound, c sound');
});

test('a check ends with its epoch', async (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  range.report('b');
  range.replica.ownedEpoch = null;
  await range.env.run(TIMEOUT_MS);
  t.deepEqual(range.ended, [null]);
  t.is(range.checks.find(1, EPOCH, SEQ), null);
  t.is(range.checks.begin(range.host), 'NOT_OWNER');
});

test('an owner that loses its epoch between two reviews judges nobody', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  for (const node of ['a', 'b']) range.report(node);
  range.replica.ownedEpoch = EPOCH + 1;
  range.report('c', OTHER);
  t.deepEqual(range.ended, [null]);
});

test('a check whose entry is not applied is given up', async (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  await range.env.run(TIMEOUT_MS + 1_000);
  t.deepEqual(range.ended, [null]);
});

test('a check that takes long to read is not given up', async (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  range.checks.applied(1, HERE);
  await range.env.run(20 * TIMEOUT_MS);
  t.is(range.ended.length, 0);
  for (const node of ['a', 'b', 'c']) range.report(node);
  t.is(range.ended.length, 1);
});

test('a request while a check is running gets that check', (t) => {
  const range = new OwnedRange();
  range.checks.begin(range.host);
  t.is((range.checks.begin(range.host) as RangeCheck).seq, SEQ);
  t.is(range.replica.proposed, 1);
});
