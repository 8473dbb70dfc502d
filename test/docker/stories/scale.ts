// More nodes: the service `node` scales, each container with its own data. A service with a volume does not scale.

import { type Deployment, eventually, must, say, UP_MS_MAX } from '../deployment.ts';
import { noNamelessVolumes } from './bring-up.ts';

export async function scale(deployment: Deployment): Promise<void> {
  const { compose } = deployment;
  const before = await live(deployment);
  say('starting two more nodes');
  await compose.do('--profile', 'scale', 'up', '-d', '--scale', 'node=2');
  const after = await eventually('two more nodes', UP_MS_MAX, async () => {
    const now = await live(deployment);
    return now.length === before.length + 2 ? now : null;
  });
  must(new Set(after).size === after.length, 'each container is a node of its own');
  const containers = await compose.containers('node');
  must(containers.length === 2, 'there are two containers');
  await noNamelessVolumes(containers);
  const twice = await compose.try('up', '-d', '--no-recreate', '--scale', 'n1=2');
  must(twice.code !== 0, 'a second container of n1, which would share its volume, is refused');
  await compose.do('up', '-d', '--no-recreate', '--scale', 'n1=1');
  await compose.do('--profile', 'scale', 'rm', '--stop', '--force', 'node');
  await eventually('the cluster without them', UP_MS_MAX, async () =>
    (await live(deployment)).length === before.length ? true : null,
  );
  say(`${after.length} nodes were live, each with its own data`);
}

/** The ids of the live nodes. */
async function live(deployment: Deployment): Promise<string[]> {
  const rows = (await deployment.rows('nodes')) ?? [];
  return rows.filter(({ live }) => live === true).map(({ id }) => String(id));
}
