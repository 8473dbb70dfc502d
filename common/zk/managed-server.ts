// Runs a real ZooKeeper server as a child process, for `rangekeeper dev` and for tests, alone or as a member of an ensemble. Java
// runs QuorumPeerMain directly, because zkServer.sh writes to system folders and opens a JMX port on all addresses. The server
// listens on 127.0.0.1, and is up once its four-letter word `srvr` answers with a `Mode:`. A guard process kills the server when
// this process ends, even by SIGKILL, so that no server is left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { delay, type Env } from '../base/env.ts';
import type { ServerProgram } from './find-server.ts';
import { fourLetterWord, isPortFree } from './server-port.ts';

/** A server of an ensemble: its number, and its ports on 127.0.0.1 for the other servers. */
export interface Peer {
  readonly id: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface ServerOptions {
  readonly program: ServerProgram;
  readonly env: Env;
  /** The directory of the configuration, the log file and the data. It is made if it is missing. */
  readonly directory: string;
  /** The port for clients, on 127.0.0.1. */
  readonly port: number;
  /** ZooKeeper's tickTime, ms: sessions end on multiples of it. */
  readonly tickMs: number;
  /** Bounds of the session timeouts that a client may request, ms. */
  readonly sessionMsMin: number;
  readonly sessionMsMax: number;
  /** Absent: the server is not part of an ensemble. */
  readonly ensemble?: { readonly id: number; readonly peers: readonly Peer[] };
  /**
   * For measurements: heap, compiler and log files are as in ZooKeeper's own scripts. Otherwise the server is small and starts
   * quickly.
   */
  readonly full?: boolean;
}

/** The server did not start. The message is one line for people. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
}

const HOST = '127.0.0.1';
const CONFIGURATION = 'zoo.cfg';
/** On a busy machine java takes long to start, and to give up earlier would not help. */
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 5_000;
const JAVA_FLAGS = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const FULL_JAVA_FLAGS = ['-Xmx1000m'];
/** Reads until the pipe from its parent closes, which happens even when the parent is killed. Then it kills the server. */
const GUARD = 'while read -r line; do :; done; kill -9 "$0" 2>/dev/null';

export class ManagedServer {
  readonly port: number;
  /** `host:port` for a connect string. */
  readonly address: string;
  readonly #options: ServerOptions;
  #child: ChildProcess | null = null;
  #guard: ChildProcess | null = null;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.port = options.port;
    this.address = `${HOST}:${options.port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the server prints. */
  get logFile(): string {
    return join(this.#options.directory, 'zookeeper.log');
  }

  /** Resolves when the server serves; in an ensemble, that is once it has a leader. Rejects with {@link ServerStartError}. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new ServerStartError('this ZooKeeper has been started already');
    if (!(await isPortFree(HOST, this.port))) {
      throw new ServerStartError(`ZooKeeper cannot start: port ${this.port} on ${HOST} is in use`);
    }
    this.#child = this.#spawn();
    await this.#untilServing(this.#child);
  }

  /** Resolves when the server that was started last has ended for any reason. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child === null || hasEnded(child)) return;
    await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  }

  /** Sends SIGTERM, and SIGKILL after five seconds. Resolves when the server has ended. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends it with SIGKILL, as a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Freezes it (SIGSTOP): its connections stay open, and it does not answer. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** `leader`, `follower`, `standalone`, or null while it does not serve. */
  async mode(): Promise<string | null> {
    const answer = await fourLetterWord(this.#options.env, HOST, this.port, 'srvr');
    return /^Mode: (\w+)/m.exec(answer)?.[1] ?? null;
  }

  #spawn(): ChildProcess {
    const { program, directory, full = false } = this.#options;
    writeConfiguration(this.#options);
    const log = openSync(this.logFile, 'w');
    const flags = [...(full ? FULL_JAVA_FLAGS : JAVA_FLAGS), '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
    const main = ['org.apache.zookeeper.server.quorum.QuorumPeerMain', `./${CONFIGURATION}`];
    // It has its own process group, so that Ctrl-C in a terminal does not end it before the processes that depend on it.
    const child = spawn(program.java, [...flags, '-cp', program.classPath, ...main], {
      detached: true,
      cwd: directory,
      // Without a locale java cannot open a directory whose name is not ASCII.
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.on('error', () => {});
    if (child.pid !== undefined) this.#guard = spawnGuard(child, child.pid);
    return child;
  }

  async #untilServing(child: ChildProcess): Promise<void> {
    const { env } = this.#options;
    const deadline = env.now() + START_MS_MAX;
    while ((await this.mode()) === null) {
      if (hasEnded(child)) {
        await this.#end('SIGKILL');
        throw new ServerStartError(`ZooKeeper ended while starting: ${this.#fault()}`);
      }
      if (env.now() > deadline) {
        await this.#end('SIGKILL');
        throw new ServerStartError(
          `ZooKeeper did not serve within ${START_MS_MAX / 1000} s, see ${this.logFile}`,
        );
      }
      await delay(env, 25);
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    this.#guard?.kill('SIGKILL');
    this.#guard = null;
    if (hasEnded(child)) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    child.kill('SIGCONT');
    const killTimer = this.#options.env.after(STOP_MS_MAX, () => child.kill('SIGKILL'));
    await exited;
    killTimer.cancel();
  }

  /** The line of its log that most likely says what is wrong. */
  #fault(): string {
    const lines = readFileSync(this.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    const telling = lines.find((line) => /exception|error/i.test(line)) ?? lines.at(-1);
    return telling?.trim() ?? `it printed nothing (${this.#options.program.java})`;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function spawnGuard(child: ChildProcess, pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', GUARD, String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  // Another process may get the number of one that has ended.
  child.once('exit', () => guard.kill('SIGKILL'));
  return guard;
}

function writeConfiguration(options: ServerOptions): void {
  const data = join(options.directory, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const lines = [
    // Relative to the working directory: the file is read as Latin-1, and a path may be anything.
    'dataDir=./data',
    `clientPort=${options.port}`,
    `clientPortAddress=${HOST}`,
    `tickTime=${options.tickMs}`,
    `minSessionTimeout=${options.sessionMsMin}`,
    `maxSessionTimeout=${options.sessionMsMax}`,
    // No limit: all processes of a cluster on one machine have the same address.
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,ruok,mntr',
    'autopurge.snapRetainCount=3',
    'autopurge.purgeInterval=1',
    // Kilobytes. The default is 64 MB for each log file.
    ...(options.full === true ? [] : ['preAllocSize=4096']),
    ...ensembleLines(options, data),
  ];
  writeFileSync(join(options.directory, CONFIGURATION), `${lines.join('\n')}\n`);
}

function ensembleLines({ ensemble, tickMs }: ServerOptions, data: string): string[] {
  if (ensemble === undefined) return [];
  writeFileSync(join(data, 'myid'), `${ensemble.id}\n`);
  const members = ensemble.peers.map(
    (peer) => `server.${peer.id}=${HOST}:${peer.quorumPort}:${peer.electionPort}`,
  );
  // Both limits are in ticks. The initial sync may take long on a busy machine. Silence of five ticks ends a connection.
  return [`initLimit=${Math.ceil(10_000 / tickMs)}`, 'syncLimit=5', ...members];
}
