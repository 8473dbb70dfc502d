// What people look through, killed and frozen past its session: the webserver and the REPL. Both find the cluster again by
// themselves, as it is by then. A node that freezes later than they do tells when their sessions are over: all have the
// same time-out.

import test, { type ExecutionContext } from 'ava';
import { type NodeProcess, TestCluster } from '../support/cluster.ts';
import { Repl } from '../support/repl-process.ts';
import { openPage } from '../support/web-page.ts';
import { startWebserver } from '../support/webserver-process.ts';

const PATIENCE_MS = 60_000;
/** The REPL's, ms. */
const CLIENT_SESSION_MS = 10_000;

/** The owner of the range that begins at the first key, and the key. */
async function firstOwner(cluster: TestCluster): Promise<{ owner: NodeProcess; range: number }> {
  const first = (await cluster.descriptors()).find(({ descriptor }) => descriptor.start.length === 0);
  if (first === undefined) throw new Error('a range begins at the first key');
  return { owner: cluster.node(first.descriptor.owner.node), range: first.descriptor.id };
}

/** Freezes the owner past its session, so that another one is made, and thaws it. */
async function anotherOwner(cluster: TestCluster, owner: NodeProcess, range: number): Promise<void> {
  owner.process.signal('SIGSTOP');
  await cluster.untilGone(owner);
  await cluster.until('another owner', (images) =>
    images.some(({ descriptor }) => descriptor.id === range && descriptor.owner.node !== owner.id),
  );
  owner.process.signal('SIGCONT');
}

async function started(t: ExecutionContext, sessionMs: number): Promise<TestCluster> {
  const cluster = await TestCluster.start(t, { sessionMs });
  await cluster.allInSync();
  return cluster;
}

test.serial(
  'the webserver frozen past its session, and killed: the page is right again without reload',
  async (t) => {
    const cluster = await started(t, 2_000);
    const web = await startWebserver(t, cluster.connect, ['--session-ms', '2000']);
    const page = await openPage(t, web.address);
    page.setDefaultTimeout(PATIENCE_MS);
    const { owner, range } = await firstOwner(cluster);
    const ownedBy = (name: string) =>
      page.locator(`.segment.serving[data-range="${range}"]`, { hasText: name }).waitFor();
    await ownedBy(owner.name);

    web.process.signal('SIGSTOP');
    await anotherOwner(cluster, owner, range);
    web.process.signal('SIGCONT');
    const { owner: second } = await firstOwner(cluster);
    await ownedBy(second.name);

    await web.process.end('SIGKILL');
    await anotherOwner(cluster, second, range);
    const { owner: third } = await firstOwner(cluster);
    await startWebserver(t, cluster.connect, ['--session-ms', '2000'], web.address);
    await ownedBy(third.name);
    t.not(second, owner);
  },
);

test.serial(
  'a REPL frozen past its session while the owner changes goes on as if nothing had been',
  async (t) => {
    const cluster = await started(t, CLIENT_SESSION_MS);
    const repl = Repl.start(cluster);
    repl.child.stdin?.write('put !frozen before\n');
    await repl.sees('out', /^ok, revision \d+\n/);
    const { owner, range } = await firstOwner(cluster);
    repl.child.kill('SIGSTOP');
    await anotherOwner(cluster, owner, range);
    repl.child.kill('SIGCONT');
    repl.child.stdin?.end('get !frozen\nput !frozen after\nget !frozen\n');
    const { code, out, err } = await repl.ended;
    t.is(code, 0, err);
    t.regex(out, /^ok, revision \d+\nbefore\nok, revision \d+\nafter\n$/);
  },
);
