// A stale answer is never older than it says, at any replica, while an owner is cut off and afterwards: it contains every write that
// was acknowledged longer ago than that. One process records writes and answers, with one clock.

import test from 'ava';
import { WatchedCluster } from '../support/watched-cluster.ts';

/** Delay of the proxies, ms: longer than the time by which a busy machine records an answer too late. */
const WIRE_MS = 60;

test.serial('stale answers of every replica state their age correctly during cuts', async (t) => {
  const { watched, proxies } = await WatchedCluster.startBehindProxies(t, { sessionMs: 4_000 }, WIRE_MS);
  const { register, direct, cluster } = watched;
  const first = await watched.parts();
  for (const node of cluster.nodes) register.readAt(direct, node, 'stale', first.descriptor);
  const [follower] = first.followers;
  if (follower === undefined) throw new Error('no follower');
  const isOld = (of: string) =>
    register.nextAnswer(`stale at ${of}`, ({ stale, staleMs }) => stale && (staleMs ?? 0) > 1_000);

  proxies.cutBetween(first.owner, follower);
  await watched.untilLeft(follower);
  await isOld(follower.name);
  await register.nextWrite();
  proxies.heal();
  await watched.healed();

  const { owner, followers } = await watched.parts();
  proxies.isolate(owner, cluster.nodes);
  await Promise.all(followers.map(({ name }) => isOld(name)));
  await watched.untilAnotherOwner(owner.id);
  await isOld(owner.name);
  await register.nextWrite();
  proxies.heal();
  await watched.checkHistory(t);
});
