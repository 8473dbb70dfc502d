// The guardian with real child processes. The session file and ZooKeeper are stubs that record what happens.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../../../common/base/env.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { type Child, startChild } from '../../../../common/process/children.ts';
import { Guardian } from '../../../../kvnode/process/guardian/guardian.ts';
import type { FormerSession } from '../../../../kvnode/zk/zk-session-file.ts';

const SESSION = '00000000000000a1';
const FOREVER = 'setInterval(() => {}, 1000);';
const CRASH = `process.kill(process.pid, 'SIGKILL'); ${FOREVER}`;

interface Scene {
  readonly guardian: Guardian;
  /** What happened, in order. */
  readonly happened: string[];
  readonly stop: () => void;
}

/** `scripts`: what each started process runs. `leaves`: the launch whose session is in the file after the nth process. */
function scene(
  t: ExecutionContext,
  scripts: readonly string[],
  leaves: (launch: string, nth: number) => string | null,
  restart = false,
): Scene {
  const happened: string[] = [];
  const children: Child[] = [];
  let former: FormerSession | null = null;
  let stop = () => {};
  const stopRequested = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const guardian = new Guardian({
    env: realEnv,
    logger: silentLogger,
    restart,
    stopRequested,
    start: (launch) => {
      const nth = children.length;
      const child = startChild(realEnv, {
        argv: ['--eval', scripts[nth] ?? ''],
        stdout: 'pipe',
        stderr: 'ignore',
      });
      children.push(child);
      happened.push(`start ${nth + 1}`);
      void child.ended.then(() => happened.push(`end ${nth + 1}`));
      child.process.stdout?.on('data', (said) => happened.push(String(said).trim()));
      const owner = leaves(launch, nth + 1);
      former =
        owner === null ? null : { launch: owner, identity: { id: SESSION, password: new Uint8Array(16) } };
      return child;
    },
    formerSession: async () => former,
    closeSession: async ({ id }) => {
      happened.push(`close ${id}`);
      return 'closed';
    },
  });
  t.teardown(() => {
    for (const child of children) child.process.kill('SIGKILL');
  });
  return { guardian, happened, stop: () => stop() };
}

const own = (launch: string): string => launch;
const none = (): null => null;

test('the session of a process that was killed is closed, once it is reaped', async (t) => {
  const { guardian, happened } = scene(t, [CRASH], own);
  t.is(await guardian.run(), 128 + 9);
  t.deepEqual(happened, ['start 1', 'end 1', `close ${SESSION}`]);
});

test('the session of a process that ended without closing it is closed, too; its exit code is passed on', async (t) => {
  const { guardian, happened } = scene(t, ['process.exit(7)'], own);
  t.is(await guardian.run(), 7);
  t.deepEqual(happened, ['start 1', 'end 1', `close ${SESSION}`]);
});

test("another process's session is left alone", async (t) => {
  const { guardian, happened } = scene(t, [CRASH], () => 'ffffffffffffffff');
  t.is(await guardian.run(), 128 + 9);
  t.deepEqual(happened, ['start 1', 'end 1']);
});

test('a process that stopped in order leaves no session, and is not restarted', async (t) => {
  const { guardian, happened } = scene(t, ['process.exit(0)'], none, true);
  t.is(await guardian.run(), 0);
  t.deepEqual(happened, ['start 1', 'end 1']);
});

test('with restart a crashed node is restarted after its session was closed', async (t) => {
  const { guardian, happened } = scene(t, [CRASH, CRASH, 'process.exit(0)'], own, true);
  t.is(await guardian.run(), 0);
  const crash = (nth: number) => [`start ${nth}`, `end ${nth}`, `close ${SESSION}`];
  t.deepEqual(happened, [...crash(1), ...crash(2), ...crash(3)]);
});

test('a node that never opened a session is not restarted', async (t) => {
  const { guardian, happened } = scene(t, ['process.exit(64)'], none, true);
  t.is(await guardian.run(), 64);
  t.deepEqual(happened, ['start 1', 'end 1']);
});

test('a guardian that is asked to stop stops the node, waits for it, and does not restart it', async (t) => {
  const script = `process.on('SIGTERM', () => process.exit(3)); console.log('up'); ${FOREVER}`;
  const { guardian, happened, stop } = scene(t, [script], own, true);
  const done = guardian.run();
  while (!happened.includes('up')) await new Promise<void>((resolve) => realEnv.soon(resolve));
  stop();
  t.is(await done, 3);
  t.deepEqual(happened, ['start 1', 'up', 'end 1', `close ${SESSION}`]);
});
