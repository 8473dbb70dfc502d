// The cluster starts, a second `up` changes nothing, and no container has a volume without a name.

import { docker } from '../compose.ts';
import { type Deployment, eventually, must, say, UP_MS_MAX } from '../deployment.ts';

export async function bringUp(deployment: Deployment): Promise<void> {
  const { compose } = deployment;
  const builds = (await compose.do('config')).match(/^ {4}build:/gm) ?? [];
  must(builds.length === 1, `one service builds the image, not ${builds.length}`);
  say('building the image, starting three ZooKeeper servers, two coordinators, three nodes, a webserver');
  await compose.do('up', '-d', '--build');
  const before = await compose.containers();
  say('a second `up`: every container stays');
  await compose.do('up', '-d');
  must(same(before, await compose.containers()), '`up` after `up --build` leaves all containers as they are');
  await eventually('a write', UP_MS_MAX, () => deployment.answer('put first 1'));
  await noNamelessVolumes(before);
  await page(deployment);
}

function same(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && before.every((id, at) => id === after[at]);
}

/** Checks that no container has a volume without a name, which Docker names by 64 hexadecimal digits. */
export async function noNamelessVolumes(containers: readonly string[]): Promise<void> {
  const format = '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}}\n{{end}}';
  const mounts = await docker('inspect', '--format', format, ...containers);
  const nameless = mounts.split('\n').filter((line) => /^volume [0-9a-f]{64} /.test(line));
  must(nameless.length === 0, `every volume has a name: ${nameless.join('; ')}`);
}

async function page({ compose }: Deployment): Promise<void> {
  const address = (await compose.do('port', 'webserver', '7400')).trim();
  must(address.startsWith('127.0.0.1:'), `the page is published on 127.0.0.1 only, not on ${address}`);
  const { status } = await fetch(`http://${address}/`);
  must(status === 200, `the page answers 200, not ${status}`);
  say(`the page is at http://${address}`);
}
