// Random walks over three replicas (test/support/replica-cluster.ts): whatever is lost, repeated, delayed, crashed or
// expired, no acknowledged write is lost, no stale read is served, and afterwards the range takes writes again. The seed
// of a failing walk is in its message: RANGEKEEPER_WALK_SEED=<seed> replays it alone.

import test from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { NODES, ReplicaCluster } from '../support/replica-cluster.ts';
import { type Rng, seededRng } from '../support/rng.ts';

const WALKS = 250;
const STEPS = 1_200;
/** Older messages are lost, or the walk would spend itself on the past. */
const MAIL_MAX = 12;

const given = process.env.RANGEKEEPER_WALK_SEED;
const seeds =
  given === undefined
    ? Array.from({ length: WALKS }, () => Math.floor(realEnv.random() * 2 ** 31))
    : [Number(given)];

function randomStep(cluster: ReplicaCluster, rng: Rng): void {
  const id = rng.pick(NODES);
  const member = cluster.member(id);
  const roll = rng.below(100);
  if (cluster.mail.length > MAIL_MAX) cluster.mail.splice(0, cluster.mail.length - MAIL_MAX);
  if (roll < 46) cluster.deliver(rng.below(cluster.mail.length + 1), { keep: rng.below(10) === 0 });
  else if (roll < 48) cluster.mail.splice(rng.below(cluster.mail.length + 1), 1);
  else if (roll < 52) cluster.seal(id);
  else if (roll < 55) cluster.sync(id);
  else if (roll < 63) cluster.syncAll(id);
  else if (roll < 75) cluster.write(cluster.descriptor.owner.node);
  else if (roll < 76) cluster.write(id);
  else if (roll < 82) cluster.tick(rng.below(10) === 0 ? rng.below(600) : rng.below(40));
  else if (roll < 86) cluster.readDescriptor(id, rng.below(3));
  else if (roll < 92) cluster.carryOutCas(rng.below(cluster.casInFlight.length + 1), rng.below(3) > 0);
  else if (roll < 93) rng.below(2) === 0 ? cluster.handOver(id) : cutOrHeal(cluster, rng);
  else if (roll < 95) cluster.promote(rng.below(3));
  else if (roll < 96) cluster.expireOwner();
  else if (roll < 98) cluster.renewSession(id);
  else if (member.session === null) cluster.restart(id);
  else if (rng.below(3) === 0) cluster.crash(id);
}

/** An owner that is cut off keeps its session at first; it may end while the owner knows nothing of it. */
function cutOrHeal(cluster: ReplicaCluster, rng: Rng): void {
  cluster.cutOff = cluster.cutOff === null ? cluster.descriptor.owner.node : null;
  if (cluster.cutOff !== null && rng.below(3) > 0) cluster.expireOwner();
}

test('no acknowledged write is lost on any walk, and every walk ends writable', (t) => {
  let acknowledged = 0;
  let epochs = 0;
  for (const seed of seeds) {
    const rng = seededRng(seed);
    const cluster = new ReplicaCluster();
    try {
      for (let step = 0; step < STEPS; step++) {
        randomStep(cluster, rng);
        cluster.checkDurable();
      }
      cluster.settle();
      const before = cluster.acknowledged.size;
      cluster.write(cluster.descriptor.owner.node);
      cluster.settle();
      cluster.checkDurable();
      t.true(cluster.acknowledged.size > before, `writable again (seed ${seed})`);
      t.is(cluster.descriptor.inSync.length, 3, `all in-sync again (seed ${seed})`);
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    acknowledged += cluster.acknowledged.size;
    epochs += cluster.descriptor.epoch;
  }
  t.true(given !== undefined || acknowledged > seeds.length * 4, `walks do write: ${acknowledged}`);
  t.true(given !== undefined || epochs > seeds.length * 2, `walks do fail over: ${epochs}`);
});
