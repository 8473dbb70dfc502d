// Redis as durable as it can be made: a primary and a replica, both with every write in the append-only file and synced
// before it is answered (appendfsync always).

import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { delay, realEnv } from '../../common/base/env.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { ServerProcess } from '../processes.ts';

const START_MS = 10_000;

export class RedisPair {
  readonly port: number;
  readonly #servers: readonly ServerProcess[];

  private constructor(port: number, servers: readonly ServerProcess[]) {
    this.port = port;
    this.#servers = servers;
  }

  static async start(program: string, directory: string): Promise<RedisPair> {
    const [primary = 0, replica = 0] = await freePorts(realEnv, '127.0.0.1', 2);
    const servers = [primary, replica].map((port, i) => {
      const dir = join(directory, `redis-${i + 1}`);
      mkdirSync(dir);
      const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
      const follow = i === 0 ? [] : ['--replicaof', `127.0.0.1 ${primary}`];
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...durable, ...follow];
      return new ServerProcess(program, args, `${dir}.log`);
    });
    const pair = new RedisPair(primary, servers);
    const end = realEnv.now() + START_MS;
    while (!(await tell(primary, 'INFO replication')).includes('state=online')) {
      if (realEnv.now() > end) throw new Error(`Redis has no replica after ${START_MS / 1000} s`);
      await delay(realEnv, 100);
    }
    return pair;
  }

  get pids(): readonly number[] {
    return this.#servers.flatMap(({ pids }) => pids);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

/** The answer to one inline command; empty where nobody listens. */
function tell(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\nQUIT\r\n`));
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(answer));
  });
}
