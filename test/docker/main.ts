// `npm run test:docker`: tests the compose file with real containers, in a project of its own that is removed at the end. The stories
// run one after the other on one cluster, because its start takes longest. Each story leaves it complete for the next.

import { EXIT } from '../../common/process/exit.ts';
import { type Command, list, readFlags, toggle } from '../../common/process/flags.ts';
import type { ProcessLife } from '../../common/process/main.ts';
import { Deployment, say } from './deployment.ts';
import { bringUp } from './stories/bring-up.ts';
import { failover } from './stories/failover.ts';
import { fromTheHost } from './stories/from-the-host.ts';
import { littleMemory } from './stories/little-memory.ts';
import { network } from './stories/network.ts';
import { scale } from './stories/scale.ts';

/** The stories in their order, after bringUp() has made the cluster. */
const STORIES = { failover, network, fromTheHost, scale, littleMemory } as const;

const COMMAND = {
  name: 'test:docker',
  summary: 'Tests docker/compose.yaml: containers that die, are cut off, are scaled, have little memory.',
  flags: {
    keep: toggle({ help: 'leaves the cluster running at the end' }),
    only: list({ help: `runs only this story: ${Object.keys(STORIES).join(', ')}`, value: 'STORY' }),
  },
} as const satisfies Command;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const deployment = await Deployment.prepare(`rangekeeper-test-${process.pid}`);
  const { compose } = deployment;
  try {
    const interrupted = life.stopRequested.then((reason) => {
      throw new Error(`${reason}: stopped`);
    });
    await Promise.race([runStories(deployment, values.only), interrupted]);
    say('passed');
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`${(await compose.try('logs', '--no-color', '--tail', '20')).stdout}\n`);
    throw error;
  } finally {
    if (!values.keep) {
      say('removing the containers');
      const profiles = ['tools', 'scale', 'extra'].flatMap((name) => ['--profile', name]);
      await compose.do(...profiles, 'down', '--volumes', '--remove-orphans', '--timeout', '5');
    }
  }
}

async function runStories(deployment: Deployment, only: readonly string[]): Promise<void> {
  await bringUp(deployment);
  for (const [name, story] of Object.entries(STORIES)) {
    if (only.length > 0 && !only.includes(name)) continue;
    say(`--- ${name}`);
    await story(deployment);
  }
}
