// The guardian in stories: real child processes, a session file and a ZooKeeper that only take notes.

import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../../../common/base/env.ts';
import { silentLogger } from '../../../../common/base/log.ts';
import { type Child, startChild } from '../../../../common/process/children.ts';
import { Guardian } from '../../../../kvnode/process/guardian/guardian.ts';
import type { LeftSession } from '../../../../kvnode/zk/zk-session-file.ts';

const SESSION = '00000000000000a1';
const FOREVER = 'setInterval(() => {}, 1000);';
const CRASH = `process.kill(process.pid, 'SIGKILL'); ${FOREVER}`;

interface Scene {
  readonly guardian: Guardian;
  /** What happened, in order. */
  readonly told: string[];
  readonly stop: () => void;
}

/** `scripts`: what each process started runs; `leaves`: whose session is in the file after the nth one. */
function scene(
  t: ExecutionContext,
  scripts: readonly string[],
  leaves: (launch: string, nth: number) => string | null,
  restart = false,
): Scene {
  const told: string[] = [];
  const children: Child[] = [];
  let left: LeftSession | null = null;
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
      told.push(`start ${nth + 1}`);
      void child.ended.then(() => told.push(`end ${nth + 1}`));
      child.process.stdout?.on('data', (said) => told.push(String(said).trim()));
      const owner = leaves(launch, nth + 1);
      left =
        owner === null ? null : { launch: owner, identity: { id: SESSION, password: new Uint8Array(16) } };
      return child;
    },
    leftSession: async () => left,
    closeSession: async ({ id }) => {
      told.push(`close ${id}`);
      return 'closed';
    },
  });
  t.teardown(() => {
    for (const child of children) child.process.kill('SIGKILL');
  });
  return { guardian, told, stop: () => stop() };
}

const own = (launch: string): string => launch;
const none = (): null => null;

test('the session of a process that was killed is closed, once it is reaped', async (t) => {
  const { guardian, told } = scene(t, [CRASH], own);
  t.is(await guardian.run(), 128 + 9);
  t.deepEqual(told, ['start 1', 'end 1', `close ${SESSION}`]);
});

test('so is that of one that ended by itself without closing it; its code is passed on', async (t) => {
  const { guardian, told } = scene(t, ['process.exit(7)'], own);
  t.is(await guardian.run(), 7);
  t.deepEqual(told, ['start 1', 'end 1', `close ${SESSION}`]);
});

test("another process's session is left alone", async (t) => {
  const { guardian, told } = scene(t, [CRASH], () => 'ffffffffffffffff');
  t.is(await guardian.run(), 128 + 9);
  t.deepEqual(told, ['start 1', 'end 1']);
});

test('what ended in order left nothing to close, and is not started again', async (t) => {
  const { guardian, told } = scene(t, ['process.exit(0)'], none, true);
  t.is(await guardian.run(), 0);
  t.deepEqual(told, ['start 1', 'end 1']);
});

test('with restart a crashed node is started again, after its session was closed', async (t) => {
  const { guardian, told } = scene(t, [CRASH, CRASH, 'process.exit(0)'], own, true);
  t.is(await guardian.run(), 0);
  const crash = (nth: number) => [`start ${nth}`, `end ${nth}`, `close ${SESSION}`];
  t.deepEqual(told, [...crash(1), ...crash(2), ...crash(3)]);
});

test('one that never came up is not started again', async (t) => {
  const { guardian, told } = scene(t, ['process.exit(64)'], none, true);
  t.is(await guardian.run(), 64);
  t.deepEqual(told, ['start 1', 'end 1']);
});

test('asked to stop, it asks the node, waits for it, and starts it no more', async (t) => {
  const script = `process.on('SIGTERM', () => process.exit(3)); console.log('up'); ${FOREVER}`;
  const { guardian, told, stop } = scene(t, [script], own, true);
  const done = guardian.run();
  while (!told.includes('up')) await new Promise<void>((resolve) => realEnv.soon(resolve));
  stop();
  t.is(await done, 3);
  t.deepEqual(told, ['start 1', 'up', 'end 1', `close ${SESSION}`]);
});
