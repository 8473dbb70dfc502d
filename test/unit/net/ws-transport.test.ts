// Addresses in the WebSocket transport, valid and invalid.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { serveWs, WsTransport } from '../../../common/net/ws-transport.ts';

const pages = { livez: () => null, readyz: () => null, metrics: () => '' };

for (const address of [
  'node.4:7400',
  '',
  'a',
  'a b:1',
  '[::1',
  ':1',
  'a:1/x',
  'a:65536',
  '0.0.0.0:0',
  'x'.repeat(300),
]) {
  test(`WebSocket: ${JSON.stringify(address.slice(0, 20))} cannot be dialled, and is UNREACHABLE`, async (t) => {
    const connected = new WsTransport(realEnv).connect(address, 1_000, {
      message() {},
      closed: () => t.fail(),
    });
    const error = await t.throwsAsync(connected, { instanceOf: RangekeeperError });
    t.is(error.code, 'UNREACHABLE');
  });
}

test('WebSocket: an IPv6 address is listened on and dialled as it is written', async (t) => {
  const heard = new Promise<string>((resolve, reject) => {
    const handlers = { message: (bytes: Uint8Array) => resolve(Buffer.from(bytes).toString()), closed() {} };
    serveWs({ listen: '[::1]:0', pages, accept: () => handlers, env: realEnv }).then(async (listener) => {
      t.teardown(() => listener.close());
      t.regex(listener.address, /^\[::1\]:[1-9][0-9]*$/);
      t.is((await fetch(`http://${listener.address}/livez`)).status, 200);
      const near = await new WsTransport(realEnv).connect(listener.address, 1_000, {
        message() {},
        closed() {},
      });
      near.send(Buffer.from('six'));
    }, reject);
  });
  t.is(await heard, 'six');
});
