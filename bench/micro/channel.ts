// The channel, with both ends in this process: requests and answers are gathered per turn and sent over a real socket. It is compared
// with a plain WebSocket echo that also gathers.

import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { Channel } from '../../common/net/channel.ts';
import { serveWs, WsTransport } from '../../common/net/ws-transport.ts';
import { openEcho, serveEcho } from '../load/echo.ts';
import { keyOf } from '../load/keys.ts';
import { PREFIX, VALUE_BYTES } from '../rig.ts';
import type { OpenParts, Part } from './part.ts';

const IN_FLIGHT = [64, 256] as const;
const EACH = 50;
const DEADLINE_MS = 10_000;
const CLUSTER = '0';
const NODE = 'n';

export const channelParts: OpenParts = async () => {
  const env = realEnv;
  const log = silentLogger;
  const value = new Uint8Array(VALUE_BYTES);
  const text = keyOf(PREFIX, 1);
  const key = new Uint8Array(Buffer.from(text));
  const pages = { livez: () => null, readyz: () => null, metrics: () => '' };
  const provenance = { revision: 1, epoch: 1, stale: false, staleMs: 0, appliedSeq: 1 };
  const reply = { kind: 'get-reply', found: true, value, ...provenance } as const;
  const listener = await serveWs({
    listen: '127.0.0.1:0',
    env,
    pages,
    accept: (connection) =>
      Channel.accept(connection, {
        env,
        log,
        self: { clusterId: CLUSTER, nodeId: NODE },
        handlers: { request: (channel, id) => channel.reply(id, reply) },
      }),
  });
  const channel = Channel.dial({
    ...{ env, log, transport: new WsTransport(env), address: listener.address, connectMs: DEADLINE_MS },
    ...{ node: NODE, self: { clusterId: CLUSTER, nodeId: '' }, handlers: {} },
  });
  const get = { kind: 'get', range: 1, epoch: 1, key, mode: 'linearizable', minSeq: 0 } as const;
  const ask = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      channel.request(get, env.now() + DEADLINE_MS, { replied: resolve, failed: reject });
    });
  const port = await serveEcho(VALUE_BYTES);
  const echo = await openEcho({ port, connections: 1, gathered: true });
  const parts = IN_FLIGHT.map(
    (callers): Part => ({
      ...{ name: 'channel', subject: 'channel', unit: 'requests/s' },
      variant: `${callers} in flight, both ends in one process`,
      own: { how: 'ws, gathered per turn', run: () => closed(callers, ask) },
      raw: { how: 'ws echo, gathered per turn', run: () => closed(callers, () => echo.get(0, text)) },
    }),
  );
  const close = async (): Promise<void> => {
    channel.close('done');
    echo.close();
    await listener.close();
  };
  return { parts, close };
};

async function closed(callers: number, ask: () => Promise<unknown>): Promise<number> {
  const caller = async (): Promise<void> => {
    for (let i = 0; i < EACH; i++) await ask();
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return callers * EACH;
}
