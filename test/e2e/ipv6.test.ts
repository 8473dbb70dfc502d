// A cluster in which every address is an IPv6 address: of ZooKeeper, of the nodes, of the coordinator and of the page.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { connect as connectClient } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';
import { parseConnectString } from '../../common/model/connect-string.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { TestCluster } from '../support/test-cluster.ts';
import { startWebserver } from '../support/webserver-process.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

/** A connect string with an IPv6 address, on which a proxy listens: the server of the tests listens on IPv4 only. */
async function byIpv6(t: ExecutionContext, text: string): Promise<string> {
  const { servers, root } = parseConnectString(text);
  const proxy = createServer((near) => {
    const far = connect({ host: servers[0]?.host ?? '', port: servers[0]?.port ?? 0 });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
      socket.pipe(other);
    }
  });
  proxy.listen(0, '::1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  return `[::1]:${(proxy.address() as AddressInfo).port}${root}`;
}

test('writes and reads work, and the page shows the addresses of the nodes', async (t) => {
  const zk = await byIpv6(t, (await startZooKeeper(t)).connect);
  const cluster = await TestCluster.start(t, {
    zk,
    nodes: 2,
    nodeArgs: ['--listen', '[::1]:0'],
    coordinatorArgs: ['--listen', '[::1]:0'],
  });
  const client = await connectClient({ zk, connectMs: WAIT_MS_MAX, deadlineMs: WAIT_MS_MAX });
  t.teardown(() => client.close());
  await client.put('k', 'v');
  t.is(Buffer.from((await client.get('k'))?.value ?? []).toString(), 'v');
  for (const { live } of client.nodes()) t.regex(live?.address ?? '', /^\[::1\]:[1-9][0-9]*$/);

  const web = await startWebserver(t, zk, ['--listen', '[::1]:0']);
  t.regex(web.address, /^\[::1\]:/);
  const end = realEnv.now() + WAIT_MS_MAX;
  for (;;) {
    const response = await fetch(`http://${web.address}/api/namespaces`);
    if (response.status === 200) break;
    if (realEnv.now() > end) return t.fail('the page has no cluster');
  }
  const [node] = cluster.nodes;
  const { address } = (await node?.process.logged('ready')) ?? {};
  t.is((await fetch(`http://${address}/readyz`)).status, 200);
});
