// `npm run test:docker`: the compose file for real. Brings the cluster up, writes, kills the owner's container, reads from
// a replica, writes again through the new owner, starts the killed one again until it is in-sync, and takes all down.

import { delay, realEnv } from '../../common/base/env.ts';
import { EXIT } from '../../common/process/exit.ts';
import { type Command, readFlags, toggle } from '../../common/process/flags.ts';
import type { ProcessLife } from '../../common/process/main.ts';
import { Compose, type Talk } from './compose.ts';

const COMMAND = {
  name: 'test:docker',
  summary: 'Tries docker/compose.yaml: a failover between containers.',
  flags: { keep: toggle({ help: 'leaves the cluster running in the end' }) },
} as const satisfies Command;

const KEY = 'user/1';
const UP_MS_MAX = 120_000;
const FAILOVER_MS_MAX = 30_000;
const POLL_MS = 300;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const compose = await Compose.find(`rangekeeper-test-${process.pid}`);
  try {
    const interrupted = life.stopRequested.then((reason) => {
      throw new Error(`${reason}: stopped`);
    });
    await Promise.race([failover(compose), interrupted]);
    say('passed');
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`${(await compose.try('logs', '--no-color', '--tail', '20')).stdout}\n`);
    throw error;
  } finally {
    if (!values.keep) {
      say('taking it down');
      await compose.do('--profile', 'tools', 'down', '--volumes', '--remove-orphans', '--timeout', '5');
    }
  }
}

async function failover(compose: Compose): Promise<void> {
  say('building the image');
  await compose.do('build');
  say('bringing up three ZooKeeper, two coordinators, three nodes, a webserver');
  await compose.do('up', '-d');
  const first = await eventually('a write', UP_MS_MAX, () => answer(compose, `put ${KEY} ada`));
  say(`wrote ${KEY} in epoch ${first.epoch}`);
  await page(compose);

  // Connected before the owner dies: starting a process in a container can take longer than the failover.
  const reader = compose.talk('exec', '-T', 'webserver', ...REPL);
  const before = await ask(reader, `where ${KEY}`);
  const owner = nameIn(before.owner);
  const session = await ask(reader, `get ${KEY}`);
  must(session.value === 'ada' && session.stale === false, 'a linearizable read gives what was written');
  say(`killing ${owner}, the owner of ${KEY}`);
  await compose.do('kill', owner);
  for (const mode of ['fallback', 'stale']) {
    const read = await ask(reader, `get ${KEY} --read ${mode}`);
    must(read.value === 'ada', `a ${mode} read gives what was written, not ${read.value}`);
    must(nameIn(read.node) !== owner, `a ${mode} read is answered by a replica, not by ${owner}`);
    must(read.stale === true, `a ${mode} read before the failover says that it is stale`);
    say(`a ${mode} read: ${read.value} from ${nameIn(read.node)}, stale, ${read.staleMs} ms at most`);
  }
  reader.close();
  const second = await eventually('a write through the new owner', FAILOVER_MS_MAX, () =>
    answer(compose, `put ${KEY} lovelace`),
  );
  must(nameIn(second.node) !== owner, `another node than ${owner} took the write`);
  must(Number(second.epoch) > Number(first.epoch), 'the epoch has risen');
  must(Number(second.revision) > Number(first.revision), 'the revision has risen');
  say(`${nameIn(second.node)} took a write in epoch ${second.epoch}`);

  say(`starting ${owner} again`);
  await compose.do('start', owner);
  await eventually(`${owner} in-sync again`, UP_MS_MAX, async () => {
    const now = await answer(compose, `where ${KEY}`);
    return now !== null && namesIn(now.inSync).includes(owner) ? now : null;
  });
  const last = await answer(compose, `get ${KEY}`);
  must(last?.value === 'lovelace' && last.stale === false, 'a linearizable read gives the last write');
  say(`${owner} is in-sync again, and ${KEY} is ${last?.value}`);
}

type Fields = Readonly<Record<string, unknown>>;

const REPL = ['rangekeeper', 'repl', '--output', 'ndjson'];

/** The record that a REPL inside the network answers; null where it fails. */
async function answer(compose: Compose, command: string): Promise<Fields | null> {
  const { code, stdout } = await compose.try('exec', '-T', 'webserver', ...REPL, '-e', command);
  return code === 0 ? fieldsOf(stdout) : null;
}

async function ask(reader: Talk, command: string): Promise<Fields> {
  return fieldsOf(await reader.ask(command));
}

function fieldsOf(json: string): Fields {
  return JSON.parse(json) as Fields;
}

async function page(compose: Compose): Promise<void> {
  const address = (await compose.do('port', 'webserver', '7400')).trim();
  must(address.startsWith('127.0.0.1:'), `the page is published on 127.0.0.1 only, not on ${address}`);
  const { status } = await fetch(`http://${address}/`);
  must(status === 200, `the page answers 200, not ${status}`);
  say(`the page is at http://${address}`);
}

async function eventually<T>(what: string, ms: number, attempt: () => Promise<T | null>): Promise<T> {
  const deadline = realEnv.now() + ms;
  for (;;) {
    const result = await attempt();
    if (result !== null) return result;
    if (realEnv.now() > deadline) throw new Error(`no ${what} within ${ms / 1000} s`);
    await delay(realEnv, POLL_MS);
  }
}

/** A node's name, of its JSON form `{ id, name }` or plain. */
function nameIn(node: unknown): string {
  return typeof node === 'object' && node !== null && 'name' in node ? String(node.name) : String(node);
}

function namesIn(nodes: unknown): string[] {
  return Array.isArray(nodes) ? nodes.map(nameIn) : [];
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}

function say(text: string): void {
  process.stdout.write(`test:docker: ${text}\n`);
}
