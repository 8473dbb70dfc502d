// session.json: it is read back as it was written, only its user can read it, and anything invalid counts as no session.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../../../common/base/log.ts';
import { readZkSession, ZkSessionFile } from '../../../../kvnode/zk/zk-session-file.ts';

const PASSWORD = new Uint8Array([1, 2, 3, 254, 255]);

function makeDirectory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'rangekeeper-session-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('the newest session is read back, and no other user may read it', async (t) => {
  const directory = makeDirectory(t);
  const file = new ZkSessionFile(directory, 'launch', silentLogger);
  void file.write({ id: '00000000000000a1', password: PASSWORD });
  await file.write({ id: '00000000000000b2', password: PASSWORD });
  t.deepEqual(await readZkSession(directory), {
    launch: 'launch',
    identity: { id: '00000000000000b2', password: PASSWORD },
  });
  t.deepEqual(readdirSync(directory), ['session.json']);
  t.is(statSync(join(directory, 'session.json')).mode & 0o777, 0o600);
  await file.remove();
  t.deepEqual(readdirSync(directory), []);
  t.is(await readZkSession(directory), null);
});

test('a copy of the directory has no session, because the process that had it may live', async (t) => {
  const directory = makeDirectory(t);
  const copy = makeDirectory(t);
  await new ZkSessionFile(directory, 'launch', silentLogger).write({
    id: '00000000000000a1',
    password: PASSWORD,
  });
  cpSync(directory, copy, { recursive: true });
  t.not(await readZkSession(directory), null);
  t.is(await readZkSession(copy), null);
});

test('a directory that cannot be written to causes no error', async (t) => {
  const file = new ZkSessionFile(join(makeDirectory(t), 'missing'), 'launch', silentLogger);
  await t.notThrowsAsync(file.write({ id: '00000000000000a1', password: PASSWORD }));
  await t.notThrowsAsync(file.remove());
});

for (const text of ['', '{', 'null']) {
  test(`there is no session in a file with: ${text}`, async (t) => {
    const directory = makeDirectory(t);
    writeFileSync(join(directory, 'session.json'), text);
    t.is(await readZkSession(directory), null);
  });
}

for (const change of [{ launch: 1 }, { session: '../..' }, { session: null }, { password: 'no hex' }]) {
  test(`there is no session in a file with ${JSON.stringify(change)}`, async (t) => {
    const directory = makeDirectory(t);
    const file = new ZkSessionFile(directory, 'launch', silentLogger);
    await file.write({ id: '00000000000000a1', password: PASSWORD });
    const path = join(directory, 'session.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    t.is(await readZkSession(directory), null);
  });
}
