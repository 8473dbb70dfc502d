// A real ZooKeeper server as a child process, for `rangekeeper dev` and for tests: alone, or one member of an ensemble.
// Java is started straight on QuorumPeerMain (zkServer.sh writes to system folders and opens a JMX port on all addresses),
// bound to 127.0.0.1, and counts as up once its four-letter word `srvr` tells a `Mode:`. A guard process kills it when
// this process vanishes, kill -9 included, so that no server is left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { delay, type Env } from '../base/env.ts';
import type { ServerProgram } from './find-server.ts';
import { fourLetterWord, isPortFree } from './server-port.ts';

/** One server of an ensemble: its number, and the ports on 127.0.0.1 at which the others reach it. */
export interface Peer {
  readonly id: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface ServerOptions {
  readonly program: ServerProgram;
  readonly env: Env;
  /** Holds the configuration, the log file and the data; made if missing. */
  readonly directory: string;
  /** For clients, on 127.0.0.1. */
  readonly port: number;
  /** ZooKeeper's tickTime, ms: sessions end on multiples of it. */
  readonly tickMs: number;
  /** Bounds of what a client may ask for as its session timeout, ms. */
  readonly sessionMsMin: number;
  readonly sessionMsMax: number;
  /** Absent: it stands alone. */
  readonly ensemble?: { readonly id: number; readonly peers: readonly Peer[] };
  /** Heap, compiler and log files as ZooKeeper's own scripts set them, for measurements; else small and quick to start. */
  readonly full?: boolean;
}

/** The server did not start. The message is one line for people. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
}

const HOST = '127.0.0.1';
const CONFIGURATION = 'zoo.cfg';
/** A busy machine takes long to start java, and nothing is won by giving up on it. */
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 5_000;
const JAVA_FLAGS = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const FULL_JAVA_FLAGS = ['-Xmx1000m'];
/** Reads until the pipe from its parent closes, which it does even when the parent is killed; then ends the server. */
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

  /** Resolves when the server serves (in an ensemble: when a leader is found). Throws {@link ServerStartError}. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new ServerStartError('this ZooKeeper has been started already');
    if (!(await isPortFree(HOST, this.port))) {
      throw new ServerStartError(`ZooKeeper cannot start: port ${this.port} on ${HOST} is in use`);
    }
    this.#child = this.#spawn();
    await this.#untilServing(this.#child);
  }

  /** Resolves when the server that was started last has ended, by itself, by a signal or by {@link stop}. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child === null || hasEnded(child)) return;
    await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  }

  /** Asks it to end, insists after five seconds, resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** As a power cut would end it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Freezes it (SIGSTOP): connections stay open and nothing is answered. */
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
    // A process group of its own: a terminal's Ctrl-C must not end it before those that depend on it.
    const child = spawn(program.java, [...flags, '-cp', program.classPath, ...main], {
      detached: true,
      cwd: directory,
      // Without a locale java could not spell a directory whose name is not ASCII.
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
        throw new ServerStartError(`ZooKeeper ended while starting: ${this.#complaint()}`);
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
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    child.kill('SIGCONT');
    const insist = this.#options.env.after(STOP_MS_MAX, () => child.kill('SIGKILL'));
    await gone;
    insist.cancel();
  }

  /** The line of its log that says most. */
  #complaint(): string {
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
    // Every process of a cluster on one machine has the same address.
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,ruok,mntr',
    'autopurge.snapRetainCount=3',
    'autopurge.purgeInterval=1',
    // Kilobytes; the default of 64 MB a log file is made for disks of their own.
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
  // In ticks. Initial sync may take long on a busy machine; a silent leader or follower is left after five ticks.
  return [`initLimit=${Math.ceil(10_000 / tickMs)}`, 'syncLimit=5', ...members];
}
