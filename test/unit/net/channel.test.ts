// Channels over a network in memory, with a clock that the test moves.

import test from 'ava';
import type { Failure } from '../../../common/base/errors.ts';
import { type Logger, silentLogger } from '../../../common/base/log.ts';
import { Channel, type ReplyHandler } from '../../../common/net/channel.ts';
import { type ChannelConfig, DEFAULT_CHANNEL } from '../../../common/net/channel-config.ts';
import { Peers } from '../../../common/net/peers.ts';
import type { Connection } from '../../../common/net/transport.ts';
import { encodeEnvelope } from '../../../common/wire/codec.ts';
import { EncodedRows } from '../../../common/wire/encoded-rows.ts';
import type {
  GetReply,
  OneWayBody,
  RequestBody,
  ScanReply,
  WriteRequest,
} from '../../../common/wire/messages.ts';
import { MemoryNet } from '../../support/memory-net.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const CLUSTER = 'c0ffee';
const GET: RequestBody = { kind: 'get', range: 1, epoch: 1, key: Buffer.from('k'), mode: 'stale', minSeq: 0 };
const write = (bytes: number): WriteRequest => ({
  kind: 'write',
  range: 1,
  epoch: 1,
  operation: Buffer.alloc(bytes),
});
const FOUND: GetReply = {
  ...{ kind: 'get-reply', found: true, value: Buffer.from('v'), revision: 1, epoch: 1 },
  ...{ stale: false, staleMs: null, appliedSeq: 1 },
};
const SCAN: RequestBody = {
  ...{
    kind: 'scan',
    range: 1,
    epoch: 1,
    start: Buffer.from('a'),
    end: null,
    limitRows: 100,
    limitBytes: 100_000,
  },
  ...{ reverse: false, keysOnly: false, countOnly: false, valueBytesMax: null, mode: 'stale', minSeq: 0 },
};
const page = (bytes: number): ScanReply => ({
  ...{ kind: 'scan-reply', count: 1, bound: null, epoch: 1, stale: false, staleMs: null, appliedSeq: 1 },
  rows: EncodedRows.of([{ key: Buffer.from('k'), value: Buffer.alloc(bytes), revision: 1 }]),
});
const ACK: OneWayBody = {
  ...{ kind: 'append-ack', range: 1, inc: 1, epoch: 1, ackedSeq: 1, rejection: null },
  ...{ stamp: 1, unhealthy: false, contradiction: null },
};

/** How requests ended, in order. */
class Answers implements ReplyHandler {
  readonly log: string[] = [];
  replied(body: { kind: string }): void {
    this.log.push(body.kind);
  }
  failed(error: Failure): void {
    this.log.push(error.code);
  }
}

/** A node that answers every get and scan at once, and keeps everything else for the test. */
class World {
  readonly env = new VirtualEnv();
  readonly net = new MemoryNet(this.env);
  readonly warnings: string[] = [];
  readonly unanswered: { channel: Channel; id: number }[] = [];
  readonly received: string[] = [];
  readonly accepted: Channel[] = [];
  /** The result of every get and scan. */
  value: Buffer = Buffer.from('v');
  readonly log: Logger = { ...silentLogger, warn: (_fields, message) => this.warnings.push(message) };
  address: string;

  constructor(config: Partial<ChannelConfig> = {}, self = { clusterId: CLUSTER, nodeId: 'n-1' }) {
    this.address = this.listen(config, self);
  }

  listen(
    config: Partial<ChannelConfig> = {},
    self = { clusterId: CLUSTER, nodeId: 'n-1' },
    address?: string,
  ): string {
    const handlers = {
      opened: (channel: Channel) => this.accepted.push(channel),
      request: (channel: Channel, id: number, body: RequestBody) => {
        if (body.kind === 'get') channel.reply(id, { ...FOUND, value: this.value });
        else if (body.kind === 'scan') channel.reply(id, page(this.value.length));
        else this.unanswered.push({ channel, id });
      },
      received: (_channel: Channel, body: OneWayBody) => this.received.push(body.kind),
    };
    const { env, log } = this;
    const accept = (connection: Connection) =>
      Channel.accept(connection, { env, log, self, handlers, config });
    return this.net.listen(accept, address).address;
  }

  dial(
    options: { config?: Partial<ChannelConfig>; clusterId?: string; nodeId?: string; node?: string } = {},
  ) {
    const events: string[] = [];
    const channel = Channel.dial({
      env: this.env,
      log: this.log,
      transport: this.net,
      address: this.address,
      connectMs: 1_000,
      node: options.node ?? 'n-1',
      self: { clusterId: options.clusterId ?? CLUSTER, nodeId: options.nodeId ?? '' },
      config: options.config ?? {},
      handlers: {
        opened: () => events.push('opened'),
        closed: (_channel, error) => events.push(error.code),
      },
    });
    return { channel, events };
  }

  in(ms: number): number {
    return this.env.now() + ms;
  }
}

test('the frames of one turn leave as one message, requests and replies alike', async (t) => {
  const world = new World();
  const answers = new Answers();
  const { channel } = world.dial();
  await world.env.run(10);
  const before = world.net.messages;
  for (let i = 0; i < 20; i++) channel.request(GET, world.in(1_000), answers);
  await world.env.run(10);
  t.is(answers.log.filter((kind) => kind === 'get-reply').length, 20);
  t.is(world.net.messages - before, 2);
});

test('many gets leave in several messages, and so do their answers, but writes in one', async (t) => {
  const world = new World();
  const answers = new Answers();
  const { channel } = world.dial();
  await world.env.run(10);
  const before = world.net.messages;
  const { messageGetsGoal } = DEFAULT_CHANNEL;
  for (let i = 0; i < 3 * messageGetsGoal; i++) channel.request(GET, world.in(1_000), answers);
  await world.env.run(10);
  t.is(answers.log.filter((kind) => kind === 'get-reply').length, 3 * messageGetsGoal);
  t.is(world.net.messages - before, 2 * 3);
  for (let i = 0; i < 3 * messageGetsGoal; i++) channel.request(write(10), world.in(1_000), answers);
  await world.env.run(10);
  t.is(world.net.messages - before, 2 * 3 + 1);
});

test('answers with long values leave as soon as they fill one read of a socket', async (t) => {
  const world = new World();
  world.value = Buffer.alloc(20_000);
  const answers = new Answers();
  const { channel } = world.dial();
  await world.env.run(10);
  const before = world.net.messages;
  for (let i = 0; i < 10; i++) channel.request(GET, world.in(1_000), answers);
  await world.env.run(10);
  t.is(answers.log.filter((kind) => kind === 'get-reply').length, 10);
  // Three of them are above the goal of 48 KiB.
  t.is(world.net.messages - before, 1 + 4);
});

for (const [what, bytes, messages] of [
  ['short pages leave in one message', 1_000, 1],
  ['pages that are 48 KiB together leave four at a time', 13_000, 3],
  ['long ones too, not each by itself', 130_000, 3],
] as const) {
  test(`of twelve scans, ${what}`, async (t) => {
    const world = new World();
    world.value = Buffer.alloc(bytes);
    const answers = new Answers();
    const { channel } = world.dial();
    await world.env.run(10);
    const before = world.net.messages;
    for (let i = 0; i < 12; i++) channel.request(SCAN, world.in(1_000), answers);
    await world.env.run(10);
    t.is(answers.log.filter((kind) => kind === 'scan-reply').length, 12);
    t.is(world.net.messages - before, 1 + messages);
  });
}

test('frames beyond the goal leave in several messages', async (t) => {
  const world = new World();
  const { channel } = world.dial({ config: { messageBytesGoal: 1_000 } });
  await world.env.run(10);
  const before = world.net.messages;
  for (let i = 0; i < 10; i++) channel.request(write(600), world.in(1_000), new Answers());
  await world.env.run(10);
  t.is(world.unanswered.length, 10);
  t.is(world.net.messages - before, 5);
});

test('a request before the handshake waits for it', async (t) => {
  const world = new World();
  const answers = new Answers();
  const { channel, events } = world.dial();
  channel.request(GET, world.in(1_000), answers);
  t.deepEqual([events, answers.log], [[], []]);
  await world.env.run(10);
  t.deepEqual([events, answers.log], [['opened'], ['get-reply']]);
});

for (const [what, options, server] of [
  ['another cluster', { clusterId: 'decaf' }, undefined],
  ['another node at the address', { node: 'n-2' }, undefined],
] as const) {
  test(`${what} is refused before any request`, async (t) => {
    const world = new World({}, server);
    const answers = new Answers();
    const { channel, events } = world.dial(options);
    channel.request(write(1), world.in(1_000), answers);
    await world.env.run(10);
    t.deepEqual(answers.log, ['UNREACHABLE']);
    t.deepEqual(events, [what === 'another cluster' ? 'WRONG_CLUSTER' : 'UNREACHABLE']);
    t.deepEqual(world.unanswered, []);
    t.is(world.warnings.length, 1);
  });
}

test('a request without an answer ends at its deadline, as unknown; a later one at its own', async (t) => {
  const world = new World();
  const [late, early] = [new Answers(), new Answers()];
  const { channel } = world.dial();
  await world.env.run(10);
  channel.request(write(1), world.in(500), late);
  channel.request(write(1), world.in(200), early);
  await world.env.run(199);
  t.deepEqual([early.log, late.log], [[], []]);
  await world.env.run(2);
  t.deepEqual([early.log, late.log], [['OUTCOME_UNKNOWN'], []]);
  await world.env.run(300);
  t.deepEqual([early.log, late.log], [['OUTCOME_UNKNOWN'], ['OUTCOME_UNKNOWN']]);
  for (const { channel: far, id } of world.unanswered) far.reply(id, FOUND);
  await world.env.run(10);
  t.is(channel.inflight, 0);
  t.deepEqual([early.log.length, late.log.length], [1, 1], 'a late answer finds nobody');
});

test('a request whose deadline passes before it can be sent is never sent', async (t) => {
  const world = new World();
  const answers = new Answers();
  const { channel } = world.dial();
  world.net.freeze(world.address);
  const now = world.env.now();
  channel.request(write(3), now + 100, answers);
  channel.request(GET, now + 900, answers);
  await world.env.run(200);
  t.deepEqual(answers.log, ['DEADLINE']);
  world.net.unfreeze(world.address);
  await world.env.run(100);
  t.deepEqual(answers.log, ['DEADLINE', 'get-reply']);
  t.deepEqual(world.unanswered, []);
});

test('when a connection is lost, requests that were sent are unknown, others unreachable', async (t) => {
  const world = new World();
  const [sent, unsent, after] = [new Answers(), new Answers(), new Answers()];
  const { channel, events } = world.dial();
  await world.env.run(10);
  channel.request(write(1), world.in(1_000), sent);
  await world.env.run(0.05);
  channel.request(write(1), world.in(1_000), unsent);
  world.net.kill(world.address);
  channel.request(write(1), world.in(1_000), after);
  t.deepEqual(after.log, [], 'never from within request');
  await world.env.run(10);
  t.deepEqual([sent.log, unsent.log, after.log], [['OUTCOME_UNKNOWN'], ['UNREACHABLE'], ['UNREACHABLE']]);
  t.deepEqual(events, ['opened', 'UNREACHABLE']);
});

test('if the handshake is not done in time, the node is unreachable', async (t) => {
  const world = new World();
  world.net.freeze(world.address);
  const answers = new Answers();
  world.dial().channel.request(write(1), world.in(5_000), answers);
  await world.env.run(999);
  t.deepEqual(answers.log, []);
  await world.env.run(2);
  t.deepEqual(answers.log, ['UNREACHABLE']);
});

test('requests beyond the bound are OVERLOADED, on either side', async (t) => {
  const world = new World({ inflightMax: 5 });
  const narrow = world.dial({ config: { inflightMax: 3 } }).channel;
  const wide = world.dial().channel;
  await world.env.run(10);
  const [here, there] = [new Answers(), new Answers()];
  for (let i = 0; i < 4; i++) narrow.request(write(1), world.in(1_000), here);
  for (let i = 0; i < 7; i++) wide.request(write(1), world.in(1_000), there);
  await world.env.run(10);
  t.deepEqual([here.log, there.log], [['OVERLOADED'], ['OVERLOADED', 'OVERLOADED']]);
  for (const { channel, id } of world.unanswered) channel.reply(id, FOUND);
  await world.env.run(10);
  t.is(here.log.length + there.log.length, 11);
});

test('one-way frames are refused while too much waits, and accepted from nodes only', async (t) => {
  const world = new World();
  const { channel } = world.dial({ nodeId: 'n-2', config: { queuedBytesMax: 100 } });
  t.false(channel.send(ACK), 'not open yet');
  await world.env.run(10);
  let sent = 0;
  while (channel.send(ACK)) sent++;
  await world.env.run(10);
  t.is(world.received.length, sent);
  t.true(channel.send(ACK), 'and taken again afterwards');
  const { channel: client, events } = world.dial();
  await world.env.run(10);
  client.send(ACK);
  await world.env.run(10);
  t.deepEqual(events, ['opened', 'UNREACHABLE']);
  t.regex(world.warnings.join(), /append-ack from a client/);
});

test('a connection is closed if pings are not answered; one without requests is not', async (t) => {
  const world = new World();
  const { channel, events } = world.dial();
  await world.env.run(20_000);
  t.true(channel.open);
  const answers = new Answers();
  channel.request(write(1), world.in(60_000), answers);
  world.net.freeze(world.address);
  await world.env.run(2_000);
  t.deepEqual(events, ['opened']);
  await world.env.run(1_500);
  t.deepEqual([events, answers.log], [['opened', 'UNREACHABLE'], ['OUTCOME_UNKNOWN']]);
});

test('a pause of this process does not close its connections', async (t) => {
  const world = new World();
  const { channel } = world.dial();
  await world.env.run(2_000);
  world.env.stall(60_000);
  await world.env.run(20_000);
  t.true(channel.open);
});

test('garbage closes the connection with one line in the log, and others go on', async (t) => {
  const world = new World();
  const { channel } = world.dial();
  const closings: string[] = [];
  const handlers = { message() {}, closed: (reason: string) => closings.push(reason) };
  const connection = await world.env.until(world.net.connect(world.address, 1_000, handlers));
  connection.send(Buffer.from('GET / HTTP/1.1'));
  connection.send(encodeEnvelope([{ id: 1, body: GET }]));
  await world.env.run(10);
  t.is(closings.length, 1);
  t.is(world.warnings.length, 1);
  const answers = new Answers();
  channel.request(GET, world.in(100), answers);
  await world.env.run(10);
  t.deepEqual(answers.log, ['get-reply']);
});

// ---- peers -------------------------------------------------------------------------------------------------------

function peersOf(world: World): Peers {
  const self = { clusterId: CLUSTER, nodeId: '' };
  return new Peers({ env: world.env, log: world.log, transport: world.net, self, handlers: {} });
}

async function ask(world: World, peers: Peers, ms = 50): Promise<string> {
  const answers = new Answers();
  peers.request('n-1', GET, world.in(ms), answers);
  await world.env.run(ms + 1);
  return answers.log.join();
}

test('a peer is connected at its first use and again after a loss, wherever it comes back', async (t) => {
  const world = new World();
  const peers = peersOf(world);
  t.is(await ask(world, peers), 'UNREACHABLE', 'no address yet');
  peers.setAddress('n-1', world.address);
  t.is(await ask(world, peers), 'get-reply');
  t.is(world.accepted.length, 1);
  world.net.kill(world.address);
  await world.env.run(1);
  t.true(peers.isDown('n-1'));
  const before = world.env.now();
  t.is(await ask(world, peers, 1), 'UNREACHABLE', 'at once, while the backoff lasts');
  t.true(world.env.now() - before < 5);
  peers.setAddress('n-1', world.listen());
  t.is(await ask(world, peers), 'get-reply');
  peers.close();
  t.is(await ask(world, peers), 'UNREACHABLE');
});

test('attempts on a dead node are spaced out, and one succeeds soon after it is back', async (t) => {
  const world = new World();
  const peers = peersOf(world);
  const dead = world.address;
  world.net.kill(dead);
  let attempts = 0;
  const connect = world.net.connect.bind(world.net);
  world.net.connect = (...args) => {
    attempts++;
    return connect(...args);
  };
  peers.setAddress('n-1', dead);
  peers.keep('n-1');
  await world.env.run(200);
  t.true(attempts >= 3, `${attempts} within 200 ms`);
  await world.env.run(20_000);
  t.true(attempts < 50, `${attempts} within 20 s`);
  peers.setAddress('n-1', world.listen());
  await world.env.run(1);
  t.true(peers.isOpen('n-1'));
  peers.setAddress('n-1', null);
  await world.env.run(1);
  t.true(peers.isOpen('n-1'), 'an open channel outlives the live znode');
});
