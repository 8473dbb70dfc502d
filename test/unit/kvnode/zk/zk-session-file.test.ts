// session.json: what is written is what is read, by its owner only, and anything else counts as nothing.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import { readSession, SessionFile } from '../../../../kvnode/zk/zk-session-file.ts';

const PASSWORD = new Uint8Array([1, 2, 3, 254, 255]);

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'rangekeeper-session-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('the newest session is read back, and nobody else may read it', async (t) => {
  const directory = folder(t);
  const file = new SessionFile(directory, 'launch', silentLogger);
  void file.write({ id: '00000000000000a1', password: PASSWORD });
  await file.write({ id: '00000000000000b2', password: PASSWORD });
  t.deepEqual(await readSession(directory), {
    launch: 'launch',
    identity: { id: '00000000000000b2', password: PASSWORD },
  });
  t.deepEqual(readdirSync(directory), ['session.json']);
  t.is(statSync(join(directory, 'session.json')).mode & 0o777, 0o600);
  await file.remove();
  t.deepEqual(readdirSync(directory), []);
  t.is(await readSession(directory), null);
});

test('in a copy of the directory there is none: who had it may live', async (t) => {
  const directory = folder(t);
  const copy = folder(t);
  await new SessionFile(directory, 'launch', silentLogger).write({
    id: '00000000000000a1',
    password: PASSWORD,
  });
  cpSync(directory, copy, { recursive: true });
  t.not(await readSession(directory), null);
  t.is(await readSession(copy), null);
});

test('a directory that cannot be written to stops nothing', async (t) => {
  const file = new SessionFile(join(folder(t), 'missing'), 'launch', silentLogger);
  await t.notThrowsAsync(file.write({ id: '00000000000000a1', password: PASSWORD }));
  await t.notThrowsAsync(file.remove());
});

for (const text of ['', '{', 'null']) {
  test(`nothing can be read from: ${text}`, async (t) => {
    const directory = folder(t);
    writeFileSync(join(directory, 'session.json'), text);
    t.is(await readSession(directory), null);
  });
}

for (const change of [{ launch: 1 }, { session: '../..' }, { session: null }, { password: 'no hex' }]) {
  test(`nothing can be read from one with ${JSON.stringify(change)}`, async (t) => {
    const directory = folder(t);
    const file = new SessionFile(directory, 'launch', silentLogger);
    await file.write({ id: '00000000000000a1', password: PASSWORD });
    const path = join(directory, 'session.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    t.is(await readSession(directory), null);
  });
}
