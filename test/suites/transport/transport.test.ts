// The WebSocket transport and its twin in memory pass the same suite.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { serveWs, WsTransport } from '../../../common/net/ws-transport.ts';
import { MemoryNet } from '../../support/memory-net.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';
import { transportSuite } from './conformance.ts';

const pages = { livez: () => null, readyz: () => null, metrics: () => '' };

transportSuite(test, 'WebSocket', () => ({
  transport: new WsTransport(realEnv),
  listen: (accept) => serveWs({ listen: '127.0.0.1:0', pages, accept, env: realEnv }),
  deadAddress: '127.0.0.1:1',
  until: (promise) => promise,
}));

transportSuite(test, 'memory', () => {
  const env = new VirtualEnv();
  const net = new MemoryNet(env);
  return {
    transport: net,
    listen: async (accept) => net.listen(accept),
    deadAddress: 'memory:nobody',
    until: (promise) => env.until(promise),
  };
});
