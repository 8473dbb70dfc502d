// First the owner's container is killed: a replica answers reads, another node takes the writes, and the killed one comes back. Then
// only the owner's process is killed: its guardian ends, too, and Docker starts the container again.

import type { Dialogue } from '../compose.ts';
import {
  type Deployment,
  eventually,
  type Fields,
  fieldsOf,
  must,
  nameIn,
  REPL,
  say,
  UP_MS_MAX,
} from '../deployment.ts';

const KEY = 'user/1';
const FAILOVER_MS_MAX = 30_000;

export async function failover(deployment: Deployment): Promise<void> {
  await containerDies(deployment);
  await processDies(deployment);
}

async function containerDies(deployment: Deployment): Promise<void> {
  const { compose } = deployment;
  const first = await eventually('a write', UP_MS_MAX, () => deployment.answer(`put ${KEY} ada`));
  say(`wrote ${KEY} in epoch ${first.epoch}`);

  // It connects before the owner dies, because starting a process in a container can take longer than the failover.
  const reader = compose.talk('exec', '-T', 'webserver', ...REPL);
  const before = await ask(reader, `where ${KEY}`);
  const owner = nameIn(before.owner);
  const session = await ask(reader, `get ${KEY}`);
  must(session.value === 'ada' && session.stale === false, 'a linearizable read returns the written value');
  say(`killing ${owner}, the owner of ${KEY}`);
  await compose.do('kill', owner);
  for (const mode of ['fallback', 'stale']) {
    const read = await ask(reader, `get ${KEY} --read ${mode}`);
    must(read.value === 'ada', `a ${mode} read returns the written value, not ${read.value}`);
    must(nameIn(read.node) !== owner, `a ${mode} read is answered by a replica, not by ${owner}`);
    must(read.stale === true, `a ${mode} read before the failover says that it is stale`);
    say(`a ${mode} read: ${read.value} from ${nameIn(read.node)}, at most ${read.staleMs} ms stale`);
  }
  reader.close();
  const second = await eventually('a write through the new owner', FAILOVER_MS_MAX, () =>
    deployment.answer(`put ${KEY} lovelace`),
  );
  must(nameIn(second.node) !== owner, `another node than ${owner} took the write`);
  must(Number(second.epoch) > Number(first.epoch), 'the epoch has risen');
  must(Number(second.revision) > Number(first.revision), 'the revision has risen');
  say(`${nameIn(second.node)} took a write in epoch ${second.epoch}`);

  say(`starting ${owner} again`);
  await compose.do('start', owner);
  await deployment.inSyncAgain(KEY, owner);
  const last = await deployment.answer(`get ${KEY}`);
  must(last?.value === 'lovelace' && last.stale === false, 'a linearizable read returns the last write');
  say(`${owner} is in-sync again, and ${KEY} is ${last?.value}`);
}

async function processDies(deployment: Deployment): Promise<void> {
  const first = await eventually('a write', UP_MS_MAX, () => deployment.answer(`put ${KEY} 1`));
  const owner = nameIn(first.node);
  const child = '$(cat /proc/1/task/1/children)';
  await deployment.compose.do('exec', '-T', owner, 'sh', '-c', `kill -9 ${child}`);
  const second = await eventually('a write through the new owner', FAILOVER_MS_MAX, () =>
    deployment.answer(`put ${KEY} 2`),
  );
  must(Number(second.epoch) > Number(first.epoch), 'the epoch has risen');
  await deployment.inSyncAgain(KEY, owner);
  const restarts = await deployment.inspect(owner, '{{.RestartCount}}');
  must(restarts === '1', `Docker has started ${owner} again by itself, ${restarts} times`);
  say(`the process of ${owner} was killed; ${owner} runs again and is in-sync`);
}

async function ask(reader: Dialogue, command: string): Promise<Fields> {
  return fieldsOf(await reader.ask(command));
}
