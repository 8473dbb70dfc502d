// Redis as a contender, with the most durable settings: a primary and a replica that both write and sync every write to the
// append-only file before it is answered (appendfsync always).

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { delay, realEnv } from '../../common/base/env.ts';
import { fourLetterWord, freePorts } from '../../common/zk/server-port.ts';
import type { RedisMode } from '../load/driver.ts';
import type { SlotSpec } from '../load/slot.ts';
import { Servers } from '../processes.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { type Contender, connectionsText, programmed } from './contender.ts';

const NAME = 'redis';
const HOST = '127.0.0.1';
const START_MS = 10_000;
const FILLER: RedisMode = { connections: 1, gathered: false, pipelined: false };
/** For how long each way of writing is tried, ms. */
const TRY = { warmUpMs: 300, ms: 500 };

/** Null: Redis is not installed. */
export async function redis(rig: Rig, mode: Partial<RedisMode> = {}): Promise<Contender | null> {
  const { redis: program } = rig.programs;
  if (program === null) return rig.leaveOut('Redis', 'redis-server (Debian: redis-server)');
  const pair = await rig.start(NAME, async (folder) => {
    const started = await startPair(program, folder);
    await (await contenderOn(rig, started, FILLER)).fill(PREFIX, rig.scale.keys, VALUE_BYTES);
    return started;
  });
  return contenderOn(rig, pair, { ...FILLER, ...mode });
}

/** Tries each way of writing through ioredis for a moment, and returns the fastest for this number of callers. */
export async function bestRedisWriter(rig: Rig, spec: SlotSpec): Promise<Contender | null> {
  const gathering = [1, 2, 4, 8].filter((connections) => connections < spec.callers);
  const modes: readonly Partial<RedisMode>[] = [
    ...gathering.map((connections) => ({ connections, gathered: true })),
    { connections: spec.callers },
  ];
  const tried: { readonly contender: Contender; readonly rate: number }[] = [];
  for (const mode of modes) {
    const contender = await redis(rig, mode);
    if (contender === null) return null;
    const { done, seconds } = await contender.run({ ...spec, ...TRY });
    await contender.verify(0);
    tried.push({ contender, rate: done / seconds });
  }
  tried.sort((a, b) => b.rate - a.rate);
  const rates = tried.map(({ contender, rate }) => `${contender.client} ${Math.round(rate)}/s`);
  rig.say(`  Redis, ${spec.callers} callers, tried: ${rates.join('; ')}`);
  const [best, ...others] = tried;
  // Their sockets and heaps would cost time.
  for (const { contender } of others) await contender.dismiss?.();
  return best?.contender ?? null;
}

interface RedisPair {
  readonly port: number;
  readonly servers: Servers;
  stop(): Promise<void>;
}

async function startPair(program: string, directory: string): Promise<RedisPair> {
  const [primary = 0, replica = 0] = await freePorts(realEnv, HOST, 2);
  const servers = new Servers();
  for (const port of [primary, replica]) {
    const folder = join(directory, String(port));
    mkdirSync(folder);
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const follow = port === replica ? ['--replicaof', `${HOST} ${primary}`] : [];
    const own = ['--port', String(port), '--bind', HOST, '--dir', folder];
    servers.start(program, [...own, ...durable, ...follow], `${folder}.log`);
  }
  const end = realEnv.now() + START_MS;
  while (
    !(await fourLetterWord(realEnv, HOST, primary, 'INFO replication\r\nQUIT\r\n')).includes('state=online')
  ) {
    if (realEnv.now() > end) throw new Error(`Redis has no replica after ${START_MS / 1000} s`);
    await delay(realEnv, 100);
  }
  return { port: primary, servers, stop: () => servers.stop() };
}

function contenderOn(rig: Rig, { port, servers }: RedisPair, mode: RedisMode): Promise<Contender> {
  const { connections, gathered, pipelined } = mode;
  const how = gathered ? ', SETs gathered before each WAIT' : pipelined ? ', automatic pipelining' : '';
  return programmed(
    rig,
    NAME,
    { kind: 'redis', port, ...mode },
    {
      name: 'Redis, 1 replica',
      client: `ioredis, ${connectionsText(connections)}${how}`,
      serverPids: () => servers.pids,
    },
  );
}
