// Names and addresses inside the network: a container is cut off and connected again under its name, and two containers restart
// with each other's addresses.

import { type Deployment, eventually, must, nameIn, say, UP_MS_MAX } from '../deployment.ts';

const KEY = 'network/1';
const IP = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';

export async function network(deployment: Deployment): Promise<void> {
  await cutOff(deployment);
  await swapped(deployment);
}

async function cutOff(deployment: Deployment): Promise<void> {
  const first = await eventually('a write', UP_MS_MAX, () => deployment.answer(`put ${KEY} 1`));
  const owner = nameIn(first.node);
  say(`cutting ${owner} off the network`);
  await deployment.cutOff(owner);
  const second = await eventually('a write without it', UP_MS_MAX, () => deployment.answer(`put ${KEY} 2`));
  must(nameIn(second.node) !== owner, 'another node took the write');
  await deployment.rejoin(owner);
  await deployment.inSyncAgain(KEY, owner);
  say(`${owner} is connected under its name and in-sync again`);
}

/** Docker assigns the lowest free address, so the container with the higher one is started first and gets the lower one. */
async function swapped(deployment: Deployment): Promise<void> {
  const { compose } = deployment;
  const before = await addresses(deployment);
  const order = lastNumber(before[0]) < lastNumber(before[1]) ? ['n2', 'n1'] : ['n1', 'n2'];
  await compose.do('stop', ...order);
  for (const node of order) await compose.do('start', node);
  const after = await addresses(deployment);
  must(before.join() !== after.join(), `n1 and n2 have other addresses than before: ${after.join(', ')}`);
  await eventually('a write', UP_MS_MAX, () => deployment.answer(`put ${KEY} 3`));
  for (const node of order) await deployment.inSyncAgain(KEY, node);
  say(`n1 and n2 had ${before.join(', ')}, now have ${after.join(', ')}, and are in-sync`);
}

function lastNumber(address: string | undefined): number {
  return Number(address?.split('.').at(-1));
}

async function addresses(deployment: Deployment): Promise<string[]> {
  return [await deployment.inspect('n1', IP), await deployment.inspect('n2', IP)];
}
