// The owner's side of consistency checks: who is waited for, what counts, how a check ends.

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
const PATIENCE_MS = 1_000;

const STATUS: ReplicaStatus = {
  ...{ range: 1, inc: 1, role: 'owner', epochSeen: EPOCH, lastSeq: 0, syncedSeq: 0, commitSeq: 0 },
  ...{ descriptorEpoch: EPOCH, lastEpoch: EPOCH, conflict: null },
  ...{ appliedSeq: 0, readOnlySince: null, staleMs: null, followers: ['b', 'c'].map(follower) },
};

function follower(node: string): FollowerStatus {
  return { node, progress: 'stream', ackedSeq: 0, lag: 0 };
}

/** A range of nodes a (the owner), b, c, with incs 1, 2, 3. */
class Stage {
  readonly env = new VirtualEnv();
  readonly ended: (RangeCheck | null)[] = [];
  readonly checks = new RangeChecks({
    env: this.env,
    self: 'a',
    config: { checkPatienceMs: PATIENCE_MS },
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
    this.checks.report(from, inc, 1, at, digest);
  }
}

function words(check: RangeCheck): string {
  return check.replicas.map(({ node, verdict }) => `${node} ${verdict}`).join(', ');
}

test('a check ends once the owner and all that stream have reported', (t) => {
  const stage = new Stage();
  const begun = stage.checks.begin(stage.host) as RangeCheck;
  t.like(begun, { range: 1, epoch: EPOCH, seq: SEQ, verdict: null });
  stage.report('b');
  stage.report('a');
  t.is(stage.checks.count, 1);
  t.is(stage.checks.find(1, EPOCH, SEQ)?.verdict, null);
  stage.report('c');
  t.is(stage.verdicts, 'sound: a sound, b sound, c sound');
  t.is(stage.checks.count, 0);
  t.is(stage.checks.find(1, EPOCH, SEQ)?.verdict, 'sound');
});

test('a replica that differs is told apart', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['a', 'b']) stage.report(node);
  stage.report('c', OTHER);
  t.is(stage.verdicts, 'damaged: a sound, b sound, c damaged');
});

test('the owner itself may be the one', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['b', 'c']) stage.report(node);
  stage.report('a', OTHER);
  t.is(stage.verdicts, 'damaged: a damaged, b sound, c sound');
});

test('a silent replica is waited for, and no longer', async (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  await stage.env.run(400);
  stage.report('a');
  stage.report('b');
  await stage.env.run(PATIENCE_MS);
  t.is(stage.ended.length, 0, 'twice the time that the owner took comes on top');
  await stage.env.run(2_000);
  t.is(stage.verdicts, 'sound: a sound, b sound, c silent');
});

test('one that leaves the in-sync set is not waited for any more', async (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['a', 'b']) stage.report(node);
  stage.replica.image.descriptor.inSync = ['a', 'b'];
  await stage.env.run(PATIENCE_MS - 100);
  t.is(stage.verdicts, 'sound: a sound, b sound, c silent');
});

test('one that declines ends the waiting', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['a', 'b']) stage.report(node);
  stage.report('c', null);
  t.is(stage.verdicts, 'sound: a sound, b sound, c silent');
});

test('what is of another life, another epoch or another check counts for nothing', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['a', 'b']) stage.report(node);
  stage.report('c', OTHER, 9);
  stage.report('c', OTHER, 3, { epoch: EPOCH - 1, seq: SEQ });
  stage.report('c', OTHER, 3, { epoch: EPOCH, seq: SEQ - 1 });
  stage.report('d', OTHER, 3);
  t.is(stage.ended.length, 0);
  stage.report('c');
  t.is(stage.verdicts, 'sound: a sound, b sound, c sound');
});

test('a check ends with its epoch', async (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  stage.report('b');
  stage.replica.ownedEpoch = null;
  await stage.env.run(PATIENCE_MS);
  t.deepEqual(stage.ended, [null]);
  t.is(stage.checks.find(1, EPOCH, SEQ), null);
  t.is(stage.checks.begin(stage.host), 'NOT_OWNER');
});

test('an owner that loses its epoch between two looks judges nobody', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  for (const node of ['a', 'b']) stage.report(node);
  stage.replica.ownedEpoch = EPOCH + 1;
  stage.report('c', OTHER);
  t.deepEqual(stage.ended, [null]);
});

test('a check whose entry is not applied is given up', async (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  await stage.env.run(PATIENCE_MS + 1_000);
  t.deepEqual(stage.ended, [null]);
});

test('one that takes long to read is not given up', async (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  stage.checks.applied(1, HERE);
  await stage.env.run(20 * PATIENCE_MS);
  t.is(stage.ended.length, 0);
  for (const node of ['a', 'b', 'c']) stage.report(node);
  t.is(stage.ended.length, 1);
});

test('whoever asks while a check is under way joins it', (t) => {
  const stage = new Stage();
  stage.checks.begin(stage.host);
  t.is((stage.checks.begin(stage.host) as RangeCheck).seq, SEQ);
  t.is(stage.replica.proposed, 1);
});
