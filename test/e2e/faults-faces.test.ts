// The webserver and the REPL, killed, or frozen until their sessions have ended. Both find the present state of the cluster again by
// themselves. A node that is frozen later shows when their sessions are over, because all have the same timeout.

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
/** Session timeout of the REPL, ms. */
const CLIENT_SESSION_MS = 10_000;

/** The range that begins at the first key. */
async function firstRange(cluster: TestCluster): Promise<Descriptor> {
  const first = (await cluster.descriptors()).find(({ descriptor }) => descriptor.start.length === 0);
  if (first === undefined) throw new Error('a range begins at the first key');
  return first.descriptor;
}

/** Freezes the owner of the first range until its session has ended and another node owns the range, then lets it continue. */
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

/** Resolves when the page shows the owner of the first range that ZooKeeper has. */
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
  'the webserver is frozen until its session has ended, then killed: the page recovers without a reload',
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

test.serial('a REPL that is frozen until its session has ended works on with the new owner', async (t) => {
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
});
