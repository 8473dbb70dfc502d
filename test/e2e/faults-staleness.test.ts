// What a stale answer says of its age is never less than the truth, at any replica, while an owner is cut off and after:
// whatever was acknowledged longer ago than the bound is in the answer. One process records both, on one clock.

import test from 'ava';
import { WatchedCluster } from '../support/watched-cluster.ts';

/** Slow enough for what is on its way to count, beyond what a busy machine notes too late. */
const WIRE_MS = 60;

test.serial('the age of stale answers at every replica, whoever is cut off from whom', async (t) => {
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
