// The bounds of a node's accepted connections, over a network in memory: which are cut, which are refused, and what is counted.

import test from 'ava';
import type { Failure } from '../../../common/base/errors.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { type ConnectionLimits, DEFAULT_CONNECTION_LIMITS } from '../../../common/model/config.ts';
import { AcceptedConnections } from '../../../common/net/accepted-connections.ts';
import { Channel } from '../../../common/net/channel.ts';
import type { GetReply } from '../../../common/wire/messages.ts';
import { MemoryNet } from '../../support/memory-net.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const SELF = { clusterId: 'c0ffee', nodeId: 'n-1' };
const MIB = 1024 * 1024;
const GET = { kind: 'get', range: 1, epoch: 1, key: Uint8Array.of(1), mode: 'stale', minSeq: 0 } as const;
const VALUE = new Uint8Array(MIB);
const FOUND: GetReply = {
  ...{ kind: 'get-reply', found: true, value: VALUE, revision: 1, epoch: 1, stale: false, staleMs: 0 },
  appliedSeq: 1,
};

class World {
  readonly env = new VirtualEnv();
  readonly net = new MemoryNet(this.env);
  readonly warnings: object[] = [];
  readonly accepted: AcceptedConnections;
  readonly address: string;

  constructor(config: Partial<ConnectionLimits> = {}) {
    const { env } = this;
    const log = { ...silentLogger, warn: (fields: object) => this.warnings.push(fields) };
    this.accepted = new AcceptedConnections({ env, log, config });
    this.address = this.net.listen((connection) =>
      this.accepted.accept(connection, {
        env,
        log: silentLogger,
        self: SELF,
        handlers: { request: (channel, id) => channel.reply(id, FOUND) },
      }),
    ).address;
  }

  /** A channel whose handshake is done, or which was refused. */
  async dial(nodeId = ''): Promise<{ channel: Channel; closed: () => Failure | null }> {
    let error: Failure | null = null;
    const channel = Channel.dial({
      env: this.env,
      log: silentLogger,
      transport: this.net,
      address: this.address,
      connectMs: 1_000,
      node: 'n-1',
      self: { clusterId: 'c0ffee', nodeId },
      handlers: {
        closed(_channel, reason) {
          error = reason;
        },
      },
    });
    await this.env.run(5);
    return { channel, closed: () => error };
  }

  /** Requests the value. All requests of one turn are answered before any answer is read. */
  ask(channel: Channel, times: number): void {
    for (let count = 0; count < times; count++)
      channel.request(GET, this.env.now() + 60_000, { replied() {}, failed() {} });
  }
}

test('a connection whose answers are read in time is not cut', async (t) => {
  const world = new World();
  const { channel } = await world.dial();
  for (let round = 0; round < 10; round++) {
    world.ask(channel, 40);
    await world.env.run(5);
  }
  t.like(world.accepted, { cut: 0, queuedBytes: 0, connections: 1, clients: 1 });
});

test('if too much waits in all connections, the fullest one is cut, and no other', async (t) => {
  const world = new World();
  const small = await Promise.all([10, 20, 30].map(async (asks) => ({ asks, ...(await world.dial()) })));
  const fullest = await world.dial();
  world.ask(fullest.channel, 62);
  for (const { channel, asks } of small) world.ask(channel, asks);
  const late = await world.dial();
  t.is(world.accepted.cut, 0, 'it is read again');
  // All at once: 122 MiB, and with the last ones more than the bound.
  world.ask(fullest.channel, 62);
  for (const { channel, asks } of small) world.ask(channel, asks);
  world.ask(late.channel, 20);
  await world.env.run(50);
  t.is(world.accepted.cut, 1);
  t.is(fullest.closed()?.code, 'UNREACHABLE');
  for (const { closed } of [...small, late]) t.is(closed(), null);
  t.is(world.warnings.length, 1);
  t.like(world.warnings[0], { peer: 'memory:client' });
  t.like(world.accepted, { queuedBytes: 0, connections: 4, clients: 4 });
});

test('clients beyond the bound are refused, nodes are not, and the log says so once a second', async (t) => {
  const world = new World({ clientsMax: 2 });
  const first = await world.dial();
  await world.dial();
  t.is((await world.dial()).closed()?.code, 'OVERLOADED');
  t.is((await world.dial()).closed()?.code, 'OVERLOADED');
  t.is((await world.dial('n-2')).closed(), null);
  t.like(world.accepted, { refused: 2, clients: 2, connections: 3 });
  t.is(world.warnings.length, 1);
  await world.env.run(2_000);
  await world.dial();
  t.like(world.warnings, [{ refused: 1 }, { refused: 2 }]);
  first.channel.close('enough');
  await world.env.run(5);
  t.is((await world.dial()).closed(), null);
});

test('the bounds fit each other', (t) => {
  t.throws(() => new World({ queuedBytesMax: 127 * MIB }), {
    message: /a single slow reader are refused before it is cut/,
  });
  t.deepEqual(new World().accepted.config, DEFAULT_CONNECTION_LIMITS);
});
