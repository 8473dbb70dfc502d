// An error of the cluster says where the call was made, as an uncaught one prints it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

type Call = (client: Client) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  'a put': (client) => client.put('a', '', { ifRevision: 7 }),
  'a get': (client) => client.get('a'),
  'a stale get': (client) => client.get('a', { read: 'stale' }),
  'a page': (client) => client.scanPage(),
  'a count': (client) => client.count(),
  'a scan': async (client) => {
    for await (const row of client.scan()) return row;
    return null;
  },
  'a status': (client) => client.nodeStatus('n-1'),
  'a check': (client) => client.checkRange(1),
  'calls made together': (client) => Promise.all([client.get('a'), client.get('b')]),
};

async function theCaller(client: Client, call: Call): Promise<void> {
  await call(client);
}

for (const [what, call] of Object.entries(calls)) {
  test(`the stack of ${what} that fails has its caller`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    for (const node of cluster.nodes.values())
      node.behave = () => replyFromError(new RangekeeperError('REFUSED', 'no'));
    const error = await t.throwsAsync(cluster.env.until(theCaller(client, call)), { code: 'REFUSED' });
    t.regex(error?.stack ?? '', /at async theCaller .*caller-frames\.test/);
  });
}

test('a wrong argument has its caller', async (t) => {
  const client = await new FakeCluster().connect();
  const error = await t.throwsAsync(theCaller(client, () => client.put('', '')));
  t.regex(error?.stack ?? '', /at (async )?theCaller .*caller-frames\.test/);
});

test('an uncaught CONFLICT prints the file and line of the call', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const program = join(directory, 'program.mjs');
  const fakeCluster = new URL('../../support/fake-cluster.js', import.meta.url);
  writeFileSync(
    program,
    `import { FakeCluster } from '${fakeCluster}';
const cluster = new FakeCluster();
const client = await cluster.connect();
const running = cluster.env.run(1_000);
await client.put('a', 'b', { ifRevision: 3 });
`,
  );
  const { stderr, status } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  t.is(status, 1);
  t.regex(stderr, /RangekeeperError: the key a is absent, not at revision 3\n/);
  t.regex(stderr, /at async file:.*program\.mjs:5:1/);
});
