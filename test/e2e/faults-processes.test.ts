// Each role is killed, or frozen until its session has ended: owner, follower, leading coordinator, standby. Meanwhile a client
// writes, and others read in every mode.

import test from 'ava';
import { WatchedCluster } from '../support/watched-cluster.ts';

/** Long enough for the processes that are not frozen on a busy machine, and short enough to wait for. */
const FREEZING = { sessionMs: 6_000 };

test.serial(
  'an owner is killed, and the next one frozen until its session has ended: never do two serve linearizable reads',
  async (t) => {
    const watched = await WatchedCluster.start(t, FREEZING);
    const { cluster, register, direct } = watched;
    const { owner: first } = await watched.parts();
    await first.process.end('SIGKILL');
    await watched.untilAnotherOwner(first.id);
    await cluster.restart(first);
    await watched.healed();

    const { owner: second, descriptor } = await watched.parts();
    register.readAt(direct, second, 'linearizable', descriptor);
    await register.nextAnswer(`linearizable at ${second.name}`);
    await second.process.freeze();
    await cluster.untilGone(second);
    await watched.untilAnotherOwner(second.id);
    second.process.signal('SIGCONT');
    await register.nextFailure(`linearizable at ${second.name}`);
    t.is(register.failuresOf('fallback'), 0, 'no fallback read failed');
    await watched.checkHistory(t);
    t.true((await watched.descriptor()).epoch >= descriptor.epoch + 1);
  },
);

test.serial(
  'a follower is killed, then frozen until its session has ended: writes continue in the same epoch',
  async (t) => {
    const watched = await WatchedCluster.start(t, FREEZING);
    const { cluster, register } = watched;
    const { followers, descriptor } = await watched.parts();
    const [victim] = followers;
    if (victim === undefined) throw new Error('no follower');
    await victim.process.end('SIGKILL');
    await watched.untilLeft(victim);
    await register.nextWrite();
    await cluster.restart(victim);
    await watched.healed();

    await victim.process.freeze();
    await cluster.untilGone(victim);
    await watched.untilLeft(victim);
    await register.nextWrite();
    victim.process.signal('SIGCONT');
    await watched.checkHistory(t);
    t.is(register.failuresOf('linearizable') + register.failuresOf('fallback'), 0, 'no read failed');
    t.is((await watched.descriptor()).owner.node, descriptor.owner.node);
  },
);

test.serial(
  'coordinators of both roles are killed, or frozen until their session has ended: no operation fails',
  async (t) => {
    const watched = await WatchedCluster.start(t, { coordinators: 2 });
    const { cluster, register } = watched;
    const before = await watched.descriptor();
    const first = await cluster.leadingCoordinator();
    const standby = cluster.coordinators.find((process) => process !== first);
    await standby?.end('SIGKILL');
    await register.nextWrite();
    const second = cluster.startCoordinator();
    await second.logged('standing by');
    await first.freeze();
    await second.logged('leading');
    first.signal('SIGCONT');
    await first.logged('no longer the leader');
    // First the standby is frozen and continues. Then the leader is killed.
    await first.freeze();
    await register.nextWrite();
    first.signal('SIGCONT');
    await second.end('SIGKILL');
    t.is(await cluster.leadingCoordinator(second), first);
    await register.nextWrite();
    t.is(register.failures.size, 0, 'nothing failed so far');
    t.is((await watched.descriptor()).epoch, before.epoch, 'nobody was promoted');

    const owner = cluster.node(before.owner.node);
    await owner.process.end('SIGKILL');
    await watched.untilAnotherOwner(owner.id);
    t.is((await watched.descriptor()).epoch, before.epoch + 1, 'promoted once');
    await cluster.restart(owner);
    await watched.checkHistory(t);
  },
);
