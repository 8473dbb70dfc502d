// What people look through, killed and frozen past its session: the webserver and the REPL. Both find the cluster again by
// themselves, as it is by then. A node that freezes later than they do tells when their sessions are over: all have the
// same time-out.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../common/base/env.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { untilStopped } from '../support/processes.ts';
import { Repl } from '../support/repl-process.ts';
import { TestCluster } from '../support/test-cluster.ts';
import { openPage, type Page } from '../support/web-page.ts';
import { startWebserver } from '../support/webserver-process.ts';

const SESSION_MS = 4_000;
/** The REPL's, ms. */
const CLIENT_SESSION_MS = 10_000;

/** The range that begins at the first key. */
async function firstRange(cluster: TestCluster): Promise<Descriptor> {
  const first = (await cluster.descriptors()).find(({ descriptor }) => descriptor.start.length === 0);
  if (first === undefined) throw new Error('a range begins at the first key');
  return first.descriptor;
}

/** Freezes the owner of the first range past its session, so that another one is made, and thaws it. */
async function anotherOwner(cluster: TestCluster): Promise<void> {
  const { id, epoch, owner } = await firstRange(cluster);
  const frozen = cluster.node(owner.node);
  await frozen.process.freeze();
  await cluster.untilGone(frozen);
  await cluster.until('another owner', (images) =>
    images.some(({ descriptor }) => descriptor.id === id && descriptor.epoch > epoch),
  );
  frozen.process.signal('SIGCONT');
}

/** The page shows the first range as ZooKeeper has it, whoever owns it by then. */
async function agrees(cluster: TestCluster, page: Page): Promise<void> {
  await cluster.until('the page shows the owner', async () => {
    const { id, epoch, owner } = await firstRange(cluster);
    const shown = page.locator(`.segment.serving[data-range="${id}"]`);
    if ((await shown.count()) === 0) return false;
    const text = await shown.innerText();
    return text.includes(cluster.node(owner.node).name) && text.includes(`epoch ${epoch}`);
  });
}

async function started(t: ExecutionContext, sessionMs: number): Promise<TestCluster> {
  const cluster = await TestCluster.start(t, { sessionMs });
  await cluster.allInSync();
  return cluster;
}

test.serial(
  'the webserver frozen past its session, and killed: the page is right again without reload',
  async (t) => {
    const cluster = await started(t, SESSION_MS);
    const [port] = await freePorts(realEnv, '127.0.0.1', 1);
    const flags = ['--session-ms', String(SESSION_MS), '--listen', `127.0.0.1:${port}`];
    const web = await startWebserver(t, cluster.connect, flags);
    const page = await openPage(t, web.address);
    await agrees(cluster, page);

    await web.process.freeze();
    await anotherOwner(cluster);
    web.process.signal('SIGCONT');
    await agrees(cluster, page);

    await web.process.end('SIGKILL');
    await anotherOwner(cluster);
    await startWebserver(t, cluster.connect, flags);
    await agrees(cluster, page);
    t.pass();
  },
);

test.serial(
  'a REPL frozen past its session while the owner changes goes on as if nothing had been',
  async (t) => {
    const cluster = await started(t, CLIENT_SESSION_MS);
    const repl = Repl.start(cluster);
    repl.child.stdin?.write('put !frozen before\n');
    await repl.sees('out', /^ok, revision \d+\n/);
    repl.child.kill('SIGSTOP');
    await untilStopped(repl.child.pid ?? 0);
    await anotherOwner(cluster);
    repl.child.kill('SIGCONT');
    repl.child.stdin?.end('get !frozen\nput !frozen after\nget !frozen\n');
    const { code, out, err } = await repl.ended;
    t.is(code, 0, err);
    t.regex(out, /^ok, revision \d+\nbefore\nok, revision \d+\nafter\n$/);
  },
);
