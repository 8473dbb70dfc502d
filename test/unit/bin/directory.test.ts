// The data directory of `rangekeeper dev`: its lock, and what it keeps and clears.

import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { DevDirectory, type DevRecord } from '../../../bin/dev/directory.ts';
import { realEnv } from '../../../common/base/env.ts';
import { startChild } from '../../../common/process/children.ts';
import { ProcessExit } from '../../../common/process/exit.ts';

const MODULE = fileURLToPath(new URL('../../../bin/dev/directory.js', import.meta.url));
const RECORD: DevRecord = {
  pid: 4711,
  zk: '127.0.0.1:2181/rangekeeper',
  web: 'http://127.0.0.1:8080',
  processes: [{ name: 'n1', pid: 4712 }],
};

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'rangekeeper-dev-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function locks(path: string): string[] {
  return readdirSync(path).filter((name) => name.startsWith('dev.lock.'));
}

test('if many open a directory at the same time, exactly one gets it, and the others end with one line', async (t) => {
  for (let round = 0; round < 10; round++) {
    const path = folder(t);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => DevDirectory.open(path)));
    const opened = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    t.is(opened.length, 1);
    for (const one of all) {
      if (one.status === 'fulfilled') continue;
      t.true(one.reason instanceof ProcessExit);
      t.regex(one.reason.message, /^rangekeeper dev: [^\n]+ is in use by another rangekeeper dev; [^\n]+$/);
    }
    opened[0]?.close();
  }
});

test('if many processes open it at the same time, exactly one gets it, also beside the socket of a killed one', async (t) => {
  const path = folder(t);
  writeFileSync(join(path, 'dev.lock.00000000'), '');
  const script = `
    const { DevDirectory } = await import(${JSON.stringify(MODULE)});
    process.send('ready');
    await new Promise((resolve) => process.once('message', resolve));
    const taken = await DevDirectory.open(${JSON.stringify(path)}).then(() => true, () => false);
    process.send(taken ? 'taken' : 'refused');
    await new Promise(() => process.once('disconnect', () => process.exit()));`;
  const racers = Array.from({ length: 4 }, () =>
    startChild(realEnv, {
      nodeOptions: ['--input-type=module'],
      argv: ['--eval', script],
      stdout: 'ignore',
      stderr: 'inherit',
    }),
  );
  t.teardown(() => Promise.all(racers.map((racer) => racer.stop(0))));
  const said = () => Promise.all(racers.map(({ process }) => once(process, 'message')));
  await said();
  const outcomes = said();
  for (const { process } of racers) process.send('go');
  t.deepEqual((await outcomes).flat().toSorted().slice(0, 4), [...Array(3).fill('refused'), 'taken']);
});

test('only its user can read what it makes', async (t) => {
  const path = join(folder(t), 'data');
  const directory = await DevDirectory.open(path);
  for (const made of [path, directory.logs]) t.is(statSync(made).mode & 0o777, 0o700, made);
  directory.clear();
  t.is(statSync(directory.logs).mode & 0o777, 0o700);
  directory.close();
});

test('a directory that is open is refused in one line that names the process that holds it', async (t) => {
  const path = join(folder(t), 'data');
  const first = await DevDirectory.open(path);
  const early = await t.throwsAsync(() => DevDirectory.open(path), { instanceOf: ProcessExit });
  t.is(
    early.message,
    `rangekeeper dev: ${path} is in use by another rangekeeper dev; stop it, or choose another --data`,
  );
  first.publish(RECORD);
  const late = await t.throwsAsync(() => DevDirectory.open(path), { instanceOf: ProcessExit });
  t.regex(late.message, /is in use by another rangekeeper dev \(pid 4711\); stop it/);
  first.close();
  const second = await DevDirectory.open(path);
  t.false(existsSync(join(path, 'dev.json')), 'no cluster runs');
  second.close();
});

test('a path that is too long for a socket can be locked, too', async (t) => {
  const path = join(folder(t), 'x'.repeat(120));
  const first = await DevDirectory.open(path);
  await t.throwsAsync(() => DevDirectory.open(path), { message: /is in use/ });
  first.close();
  (await DevDirectory.open(path)).close();
});

test('the lock of a process that was killed is free', async (t) => {
  const path = folder(t);
  const script = `
    const { DevDirectory } = await import(${JSON.stringify(MODULE)});
    await DevDirectory.open(${JSON.stringify(path)});
    process.kill(process.pid, 'SIGKILL');`;
  const holder = startChild(realEnv, {
    nodeOptions: ['--input-type=module'],
    argv: ['--eval', script],
    stdout: 'ignore',
    stderr: 'inherit',
  });
  t.is((await holder.ended).signal, 'SIGKILL');
  t.is(locks(path).length, 1, 'it left its socket behind');
  const next = await DevDirectory.open(path);
  t.is(locks(path).length, 1, 'the left one is gone');
  next.close();
});

test('a path that cannot be a directory is refused in one line', async (t) => {
  const file = join(folder(t), 'file');
  writeFileSync(file, '');
  const error = await t.throwsAsync(() => DevDirectory.open(file), { instanceOf: ProcessExit });
  t.regex(error.message, /^rangekeeper dev: cannot use .*file as data directory: /);
});

test('clear removes only what dev makes', async (t) => {
  const path = folder(t);
  const directory = await DevDirectory.open(path);
  for (const name of ['n1', 'n12', 'zookeeper', 'notes', 'n1-copy']) {
    mkdirSync(join(path, name), { recursive: true });
    writeFileSync(join(path, name, 'file'), '');
  }
  t.deepEqual(directory.nodeNumbers(), [1, 12]);
  directory.clear();
  t.deepEqual(directory.nodeNumbers(), []);
  t.deepEqual(readdirSync(path).sort(), [...locks(path), 'logs', 'n1-copy', 'notes']);
  directory.close();
});

test('the log of the run before is kept', async (t) => {
  const directory = await DevDirectory.open(folder(t));
  const file = directory.freshLog('n1');
  writeFileSync(file, 'old');
  t.is(directory.freshLog('n1'), file);
  t.false(existsSync(file));
  t.is(readFileSync(`${file}.1`, 'utf8'), 'old');
  directory.close();
});
