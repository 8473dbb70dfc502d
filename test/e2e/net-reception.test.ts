// A node bounds the number of its clients, and the bytes that wait for clients that do not read.

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { type ConnectionLimits, DEFAULT_CONNECTION_LIMITS, LIMITS } from '../../common/model/config.ts';
import { AcceptedConnections } from '../../common/net/accepted-connections.ts';
import { Channel } from '../../common/net/channel.ts';
import { serveWs, WsTransport } from '../../common/net/ws-transport.ts';
import { encodeEnvelope } from '../../common/wire/codec.ts';
import { PROTOCOL } from '../../common/wire/messages.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';

const CLUSTER = 'c0ffee';
const VALUE = new Uint8Array(LIMITS.valueBytesMax);
const GET = {
  kind: 'get',
  range: 1,
  epoch: 1,
  key: Uint8Array.of(1),
  mode: 'linearizable',
  minSeq: 0,
} as const;

interface Server {
  readonly accepted: AcceptedConnections;
  readonly address: string;
  readonly warnings: string[];
  /** The highest number of bytes that waited at the same time, checked with every answer. */
  readonly most: () => number;
}

async function startServer(t: ExecutionContext, config: Partial<ConnectionLimits> = {}): Promise<Server> {
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (_fields: object, message: string) => warnings.push(message) };
  const accepted = new AcceptedConnections({ env: realEnv, log, config });
  const { clientsMax, otherConnectionsMax } = accepted.config;
  let most = 0;
  const listener = await serveWs({
    listen: '127.0.0.1:0',
    env: realEnv,
    bound: {
      connectionsMax: clientsMax + otherConnectionsMax,
      connectionRefused: () => accepted.connectionRefused(),
    },
    pages: { livez: () => null, readyz: () => null, metrics: () => '' },
    accept: (connection) =>
      accepted.accept(connection, {
        env: realEnv,
        log: silentLogger,
        self: { clusterId: CLUSTER, nodeId: 'n-1' },
        handlers: {
          request(channel, id) {
            const standing = { epoch: 1, stale: false, staleMs: 0, appliedSeq: 1 };
            channel.reply(id, { kind: 'get-reply', found: true, value: VALUE, revision: 1, ...standing });
            most = Math.max(most, accepted.queuedBytes);
          },
        },
      }),
  });
  t.teardown(() => listener.close());
  return { accepted, address: listener.address, warnings, most: () => most };
}

/** A client that completes the handshake, requests the value `gets` times, and reads no answer. */
async function slowReader(t: ExecutionContext, { address }: Server, gets: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${address}/`);
  t.teardown(() => socket.terminate());
  socket.on('error', () => {});
  await once(socket, 'open');
  const hello = { kind: 'hello', protocol: PROTOCOL, clusterId: CLUSTER, nodeId: '' } as const;
  socket.send(encodeEnvelope([{ id: 0, body: hello }]));
  await once(socket, 'message');
  socket.pause();
  socket.send(encodeEnvelope(Array.from({ length: gets }, (_, index) => ({ id: index + 1, body: GET }))));
  return socket;
}

function dial(
  t: ExecutionContext,
  { address }: Server,
  nodeId = '',
): { channel: Channel; opened: Promise<void> } {
  let opened = () => {};
  let failed = (_error: RangekeeperError) => {};
  const done = new Promise<void>((resolve, reject) => {
    opened = resolve;
    failed = reject;
  });
  const channel = Channel.dial({
    env: realEnv,
    log: silentLogger,
    transport: new WsTransport(realEnv),
    address,
    connectMs: WAIT_MS_MAX,
    node: 'n-1',
    self: { clusterId: CLUSTER, nodeId },
    handlers: { opened, closed: (_channel, failure) => failed(RangekeeperError.from(failure)) },
  });
  t.teardown(() => channel.close('the test is over'));
  return { channel, opened: done };
}

function get(channel: Channel): Promise<number> {
  return new Promise((resolve, reject) => {
    channel.request(GET, realEnv.now() + WAIT_MS_MAX, {
      replied: (body) => resolve(body.kind === 'get-reply' ? body.value.length : -1),
      failed: reject,
    });
  });
}

test.serial(
  'connections of 20 slow readers are cut, the fullest first, and the waiting bytes stay bounded',
  async (t) => {
    const server = await startServer(t);
    const { accepted } = server;
    const good = dial(t, server);
    await good.opened;
    const modest = await Promise.all(Array.from({ length: 17 }, () => slowReader(t, server, 1)));
    // Three of them request more than the bound, even without the bytes that the kernel buffers.
    const greedy = await Promise.all([60, 60, 60].map((gets) => slowReader(t, server, gets)));
    const closings = greedy.map((socket) => once(socket, 'close'));
    for (const socket of modest) socket.send(encodeEnvelope([{ id: 99, body: GET }]));
    for (let asked = 0; asked < 20; asked++) t.is(await get(good.channel), VALUE.length);
    t.true(accepted.cut === 1 || accepted.cut === 2, `${accepted.cut} cut`);
    t.true(server.most() <= DEFAULT_CONNECTION_LIMITS.queuedBytesMax, `${server.most()} bytes waited`);
    t.deepEqual(
      server.warnings,
      Array(accepted.cut).fill('cutting a connection that does not read its answers'),
    );
    for (const socket of greedy) socket.resume();
    await Promise.race(closings);
    t.true(
      modest.every(({ readyState }) => readyState === WebSocket.OPEN),
      'none of the others',
    );
  },
);

test.serial('clients above the bound are refused with a reason, nodes are not', async (t) => {
  const server = await startServer(t, { clientsMax: 3 });
  for (let count = 0; count < 3; count++) await dial(t, server).opened;
  const error = await t.throwsAsync(dial(t, server).opened, { instanceOf: RangekeeperError });
  t.is(error.code, 'OVERLOADED');
  t.regex(error.message, /3 clients already/);
  await dial(t, server, 'n-2').opened;
  t.like(server.accepted, { refused: 1, clients: 3, connections: 4 });
  t.deepEqual(server.warnings, ['connections refused: there are too many']);
});

test.serial('a client that has gone makes room for another', async (t) => {
  const server = await startServer(t, { clientsMax: 1 });
  const first = dial(t, server);
  await first.opened;
  first.channel.close('enough');
  let second = dial(t, server).opened;
  for (;;) {
    const error = await second.then(
      () => null,
      (refusal) => refusal,
    );
    if (error === null) break;
    t.is(error.code, 'OVERLOADED', 'the server does not know yet that the first one has ended');
    second = dial(t, server).opened;
  }
  t.is(server.accepted.clients, 1);
});

test.serial('connections without a handshake are bounded, too', async (t) => {
  const server = await startServer(t, { clientsMax: 1, otherConnectionsMax: 2 });
  const silent = Array.from({ length: 4 }, () => {
    const [host, port] = server.address.split(':');
    const socket = connectTcp(Number(port), host);
    t.teardown(() => socket.destroy());
    return socket;
  });
  await Promise.race(silent.map((socket) => once(socket, 'close')));
  t.is(server.accepted.refused, 1);
});
