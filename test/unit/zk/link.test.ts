// What a link sends to a server that does not answer: the close request after a handshake that is given up, and the one that is
// sent
// together with a handshake.

import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { DEFAULT_SESSION } from '../../../common/model/config.ts';
import { Link } from '../../../common/zk/link.ts';
import type { Handshake, Identity, LinkOptions } from '../../../common/zk/server-link.ts';
import { ZkError } from '../../../common/zk/store.ts';
import { connectZk } from '../../../common/zk/zk.ts';

const CLOSE_SESSION = -11;
const IDENTITY: Identity = { id: '1000000000000001', password: new Uint8Array(16).fill(7) };

/** The types of the requests that were received. The first packet is the handshake. */
function typesOf(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    if (at > 0) types.push(bytes.readInt32BE(at + 8));
  }
  return types;
}

/** A handshake's answer: protocol 0, T = 3 s, the session, its password. */
function welcome({ id, password }: Identity): Buffer {
  const body = Buffer.alloc(37);
  body.writeInt32BE(3_000, 4);
  Buffer.from(id, 'hex').copy(body, 8);
  body.writeInt32BE(16, 16);
  body.set(password, 20);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

interface Visit {
  readonly link: Link;
  readonly handshake: Promise<Handshake>;
  readonly server: Promise<Socket>;
  /** Everything that the server received until the link closed the connection. */
  readonly received: Promise<Buffer>;
}

/** A link to a server that says nothing by itself. */
async function visit(t: ExecutionContext, options: Partial<LinkOptions>): Promise<Visit> {
  let accepted: (socket: Socket) => void = () => {};
  const server = new Promise<Socket>((resolve) => {
    accepted = resolve;
  });
  const received = server.then(
    (socket) =>
      new Promise<Buffer>((resolve) => {
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.on('error', () => {});
        socket.on('close', () => resolve(Buffer.concat(chunks)));
      }),
  );
  const listener = createServer(accepted);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.teardown(() => listener.close());
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  let report: (handshake: Handshake) => void = () => {};
  const handshake = new Promise<Handshake>((resolve) => {
    report = resolve;
  });
  const link = new Link(
    {
      ...{ env: realEnv, server: { host: '127.0.0.1', port: address.port }, root: '', sessionMs: 3_000 },
      ...{ identity: null, seenZxid: 0n, connectMs: 10_000, handshakeMs: 10_000, closing: false },
      ...options,
    },
    (outcome) => report(outcome),
  );
  return { link, handshake, server, received };
}

test('if the handshake for a new session is not answered in time, the session is closed, if there is one', async (t) => {
  const { handshake, received } = await visit(t, { handshakeMs: 50 });
  t.deepEqual(await handshake, {
    kind: 'failed',
    reason: 'it accepts connections, but has not answered in time',
    slow: true,
  });
  t.deepEqual(typesOf(await received), [CLOSE_SESSION]);
});

test('if it is for a session that lives, that session is left alone', async (t) => {
  const { handshake, received } = await visit(t, { identity: IDENTITY, handshakeMs: 50 });
  t.like(await handshake, { kind: 'failed', slow: true });
  t.deepEqual(typesOf(await received), []);
});

test('a session that is resumed to be closed is closed without waiting for an answer', async (t) => {
  const { link, server } = await visit(t, { identity: IDENTITY, closing: true });
  const first = await new Promise<Buffer>((resolve) => {
    void server.then((socket) => socket.once('data', resolve));
  });
  t.deepEqual(typesOf(first), [CLOSE_SESSION], 'in one piece with the handshake');
  link.destroy('seen enough');
});

/** The address of a port on which this server listens; null: nothing does. */
async function portOf(t: ExecutionContext, server: Server | null): Promise<number> {
  const listener = server ?? createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  if (server === null) await new Promise((resolve) => listener.close(resolve));
  else t.teardown(() => listener.close());
  return address.port;
}

const explains = test.macro({
  async exec(t, server: (() => Server) | null, trouble: RegExp) {
    const port = await portOf(t, server === null ? null : server());
    const config = { ...DEFAULT_SESSION, sessionMs: 3_000 };
    const zk = connectZk({ connect: `127.0.0.1:${port}/x`, config, env: realEnv, logger: silentLogger });
    const error = await t.throwsAsync(zk.ready(200), { instanceOf: ZkError });
    await zk.close();
    t.regex(
      error?.message ?? '',
      new RegExp(`^no session within 200 ms \\(127\\.0\\.0\\.1:${port}: ${trouble.source}`),
    );
  },
  title: (title) => `without a session it is said what is there: ${title}`,
});

test('nothing', explains, null, /nothing listens there \(ECONNREFUSED\)\)$/);
test(
  'a server of HTTP',
  explains,
  () => createHttpServer(),
  /it is no ZooKeeper, or its answer is damaged: packet of \d+ bytes\)$/,
);
test(
  'a server that hangs up',
  explains,
  () => createServer((socket) => socket.once('data', () => socket.destroy())),
  /it closes the connection, so it is no ZooKeeper, or one that serves nobody at the moment\)$/,
);

test('a parked link sends nothing more until it closes its session', async (t) => {
  const { link, handshake, server, received } = await visit(t, {});
  (await server).write(welcome(IDENTITY));
  t.deepEqual(await handshake, { kind: 'up' });
  const downs: string[] = [];
  link.listen({ down: (reason) => downs.push(reason), expired: () => {}, changed: () => {} });
  const asked = t.throwsAsync(link.ping(10_000), { message: /no answer, it is silent/ });
  link.park('it is silent');
  await asked;
  await t.throwsAsync(link.ping(10_000), { message: /disconnected/ });
  // The library would ping after a third of T.
  await new Promise<void>((resolve) => realEnv.after(1_300, resolve));
  await link.close(100);
  const EXISTS = 3;
  t.deepEqual(typesOf(await received), [EXISTS, CLOSE_SESSION]);
  t.deepEqual(downs, ['it is silent'], 'told once');
});
