// `npm run test:docker`: the compose file for real, on a project of its own that is taken down in the end. The stories follow
// one another on one cluster, as bringing one up takes longest; each leaves it whole for the next.

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

/** In this order; the first one makes the cluster. */
const STORIES = { failover, network, fromTheHost, scale, littleMemory } as const;

const COMMAND = {
  name: 'test:docker',
  summary: 'Tries docker/compose.yaml: containers that die, are cut off, scale, have little memory.',
  flags: {
    keep: toggle({ help: 'leaves the cluster running in the end' }),
    only: list({ help: `one story: ${Object.keys(STORIES).join(', ')}`, value: 'STORY' }),
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
    await Promise.race([tellAll(deployment, values.only), interrupted]);
    say('passed');
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`${(await compose.try('logs', '--no-color', '--tail', '20')).stdout}\n`);
    throw error;
  } finally {
    if (!values.keep) {
      say('taking it down');
      const profiles = ['tools', 'scale', 'extra'].flatMap((name) => ['--profile', name]);
      await compose.do(...profiles, 'down', '--volumes', '--remove-orphans', '--timeout', '5');
    }
  }
}

async function tellAll(deployment: Deployment, only: readonly string[]): Promise<void> {
  await bringUp(deployment);
  for (const [name, story] of Object.entries(STORIES)) {
    if (only.length > 0 && !only.includes(name)) continue;
    say(`--- ${name}`);
    await story(deployment);
  }
}
