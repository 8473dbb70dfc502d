// How much time a handshake gets, depending on the earlier ones. The servers follow a script.

import test from 'ava';
import { silentLogger } from '../../../common/base/log.ts';
import { parseConnectString } from '../../../common/model/connect-string.ts';
import { Dialer } from '../../../common/zk/dialer.ts';
import type { Handshake, LinkOptions, ServerLink } from '../../../common/zk/server-link.ts';
import { ZkError } from '../../../common/zk/store.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const failed = (slow: boolean): Handshake => ({ kind: 'failed', reason: 'scripted', slow });

/** A link that never comes up. */
function linkTo({ server }: LinkOptions): ServerLink {
  const absent = () => Promise.reject(new ZkError('disconnected', '/'));
  return {
    ...{ identity: { id: '', password: new Uint8Array(0) }, timeoutMs: 0, seenZxid: 0n, server },
    ...{ read: absent, readChildren: absent, ping: absent, create: absent, createRoot: absent },
    ...{ set: absent, delete: absent, multi: absent },
    ...{ listen() {}, async close() {}, destroy() {}, park() {} },
  };
}

/** The options of the attempts of one dial. Each attempt ends at once in this way. */
async function attempts(servers: string, outcomes: readonly Handshake[]): Promise<LinkOptions[]> {
  const env = new VirtualEnv();
  const made: LinkOptions[] = [];
  const openLink = (options: LinkOptions, report: (handshake: Handshake) => void): ServerLink => {
    const outcome = outcomes[made.length];
    made.push(options);
    if (outcome !== undefined) env.soon(() => report(outcome));
    return linkTo(options);
  };
  const dialer = new Dialer(parseConnectString(servers), 3_000, env, silentLogger, openLink);
  const dial = dialer.dial(null, () => {});
  await env.run(60_000);
  dial.cancel();
  return made;
}

const times = (made: readonly LinkOptions[]) =>
  made.map(({ connectMs, handshakeMs }) => [connectMs, handshakeMs]);

test('a server that accepts connections and is slow gets twice the time at each attempt, up to 2 T', async (t) => {
  const made = await attempts('a:1', [failed(true), failed(true), failed(true), failed(true)]);
  t.deepEqual(times(made), [
    [1_000, 1_000],
    [1_000, 2_000],
    [1_000, 4_000],
    [1_000, 6_000],
    [1_000, 6_000],
  ]);
});

test('a server that is not there, or refuses, gets no more time', async (t) => {
  const made = await attempts('a:1', [failed(false), failed(false), failed(true), failed(false)]);
  t.deepEqual(
    made.map(({ handshakeMs }) => handshakeMs),
    [1_000, 1_000, 1_000, 2_000, 2_000],
  );
});

test('each of several servers is tried before one gets more time', async (t) => {
  const made = await attempts('a:1,b:1,c:1', [failed(true), failed(true), failed(true), failed(true)]);
  t.deepEqual(
    made.map(({ handshakeMs }) => handshakeMs),
    [1_000, 1_000, 1_000, 2_000, 2_000],
  );
  t.is(new Set(made.slice(0, 3).map(({ server }) => server.host)).size, 3);
});
