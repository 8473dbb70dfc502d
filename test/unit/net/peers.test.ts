// Only nodes with an address are dialled.

import test from 'ava';
import { silentLogger } from '../../../common/base/log.ts';
import { Channel } from '../../../common/net/channel.ts';
import { Peers } from '../../../common/net/peers.ts';
import { MemoryNet } from '../../support/memory-net.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

class World {
  readonly env = new VirtualEnv();
  readonly net = new MemoryNet(this.env);
  attempts = 0;
  readonly peers: Peers;

  constructor() {
    const { env, net } = this;
    const connect = net.connect.bind(net);
    net.connect = (...args) => {
      this.attempts++;
      return connect(...args);
    };
    const self = { clusterId: 'c0ffee', nodeId: 'n-0' };
    this.peers = new Peers({ env, log: silentLogger, transport: net, self, handlers: {} });
  }

  listen(): string {
    const self = { clusterId: 'c0ffee', nodeId: 'n-1' };
    const options = { env: this.env, log: silentLogger, self, handlers: {} };
    return this.net.listen((connection) => Channel.accept(connection, options)).address;
  }
}

test('a node without an address is forgotten with its channel, and not dialled again', async (t) => {
  const world = new World();
  const { env, net, peers } = world;
  const address = world.listen();
  peers.setAddress('n-1', address);
  peers.keep('n-1');
  await env.run(5);
  peers.setAddress('n-1', null);
  t.true(peers.isOpen('n-1'));
  t.deepEqual(peers.known, ['n-1']);
  net.kill(address);
  const before = world.attempts;
  await env.run(20_000);
  t.is(world.attempts, before);
  t.deepEqual(peers.known, []);
});

test('a node that cannot be reached is forgotten with its address, and known again with the next address', async (t) => {
  const world = new World();
  const { env, peers } = world;
  peers.setAddress('n-1', 'memory:nobody');
  peers.keep('n-1');
  await env.run(5_000);
  t.true(world.attempts > 3);
  peers.setAddress('n-1', null);
  t.deepEqual(peers.known, []);
  const before = world.attempts;
  await env.run(20_000);
  t.is(world.attempts, before);
  peers.setAddress('n-1', world.listen());
  peers.keep('n-1');
  await env.run(5);
  t.true(peers.isOpen('n-1'));
});
