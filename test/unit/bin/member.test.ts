// One process under `rangekeeper dev`: what is printed and done when it dies.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Member } from '../../../bin/dev/member.ts';
import { realEnv } from '../../../common/base/env.ts';

interface Watched {
  readonly member: Member;
  /** Resolves with the next line that is printed. */
  nextLine(): Promise<string>;
  changes(): number;
}

function watch(t: ExecutionContext, script: string, restartMs: number | null): Watched {
  const folder = mkdtempSync(join(tmpdir(), 'rangekeeper-member-'));
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let changes = 0;
  const member = new Member({
    env: realEnv,
    name: 'n1',
    argv: ['--eval', script],
    logFile: join(folder, 'n1.log'),
    restartMs,
    say: (line) => {
      const take = waiting.shift();
      if (take === undefined) lines.push(line);
      else take(line);
    },
    changed: () => {
      changes++;
    },
  });
  t.teardown(async () => {
    await member.stop(0);
    rmSync(folder, { recursive: true });
  });
  return {
    member,
    nextLine: () =>
      new Promise((resolve) => {
        const line = lines.shift();
        if (line === undefined) waiting.push(resolve);
        else resolve(line);
      }),
    changes: () => changes,
  };
}

const FOREVER = 'setInterval(() => {}, 1000);';

test('a process that dies while starting is a failure with the last line of its output', async (t) => {
  const { member } = watch(t, `console.error('no disk'); process.exit(3)`, 1);
  await t.throwsAsync(member.failed, { message: 'n1 ended with code 3 while starting: no disk' });
  t.is(member.pid, null);
});

test('if that is a line of the log, the failure has its message', async (t) => {
  const line = JSON.stringify({ level: 'error', msg: 'no disk' });
  const { member } = watch(t, `console.error('first'); console.error('${line}'); process.exit(1)`, 1);
  await t.throwsAsync(member.failed, { message: 'n1 ended with code 1 while starting: no disk' });
});

test('a process that is killed later is restarted, and a line is printed for each', async (t) => {
  const { member, nextLine, changes } = watch(t, FOREVER, 10);
  member.markStarted();
  const first = member.pid;
  if (first === null) throw new Error('it runs');
  process.kill(first, 'SIGKILL');
  t.is(await nextLine(), `n1 (pid ${first}) was ended by SIGKILL; it is started again in 0.01 s`);
  const again = await nextLine();
  t.is(again, `n1 runs again, pid ${member.pid}`);
  t.not(member.pid, first);
  t.is(changes(), 2);
});

test('without restarts it stays down', async (t) => {
  const { member, nextLine } = watch(t, FOREVER, null);
  member.markStarted();
  const first = member.pid;
  if (first === null) throw new Error('it runs');
  process.kill(first, 'SIGKILL');
  t.is(await nextLine(), `n1 (pid ${first}) was ended by SIGKILL; it stays down`);
  t.is(member.pid, null);
});

test('stop ends it for good: first SIGTERM, later SIGKILL', async (t) => {
  const stubborn = watch(t, `process.on('SIGTERM', () => {}); console.log('up'); ${FOREVER}`, 1);
  stubborn.member.markStarted();
  const { logFile } = stubborn.member;
  while (readFileSync(logFile, 'utf8') === '')
    await new Promise((resolve) => realEnv.after(5, () => resolve(null)));
  await stubborn.member.stop(50);
  t.is(stubborn.member.pid, null);
  t.is(stubborn.changes(), 0, 'nothing is started again');
});

test('a process that ends by itself later is reported with its last message', async (t) => {
  const { member, nextLine } = watch(t, `console.error('no port'); process.exit(3)`, null);
  member.markStarted();
  t.regex(await nextLine(), /^n1 \(pid [0-9]+\) ended with code 3: no port; it stays down$/);
});

test('a process that cannot be started again is reported, and tried again', async (t) => {
  const { member, nextLine } = watch(t, FOREVER, 10);
  member.markStarted();
  const { logFile, pid } = member;
  if (pid === null) throw new Error('it runs');
  rmSync(logFile);
  mkdirSync(logFile);
  process.kill(pid, 'SIGKILL');
  t.regex(await nextLine(), /was ended by SIGKILL/);
  t.regex(await nextLine(), /^n1 cannot be started: EISDIR.*; it is started again in 0\.01 s$/);
  rmSync(logFile, { recursive: true });
  while (!(await nextLine()).startsWith('n1 runs again'));
  t.pass();
});
