// Takes CPU profiles of Node processes during a measurement, as .cpuprofile files, the inspector's own format. The processes must be
// started with `environment`; preload.ts is the code in them.

import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** Tells people which programs open the files. */
export const OPENED_BY =
  'CPU profiles open in Chrome DevTools (Performance, Load profile), VS Code and speedscope.app';

const PRELOAD = new URL('./preload.js', import.meta.url).href;

export class Profiler {
  /** Absolute path of the folder with a folder for each profile. */
  readonly folder: string;
  readonly #socketPath: string;
  readonly #server: Server;
  readonly #processes = new Map<number, ProfiledProcess>();
  /** Called for each process that starts while a profile is taken. */
  #joined: ((process: ProfiledProcess) => void) | null = null;

  private constructor(folder: string, socketPath: string) {
    this.folder = resolve(folder);
    this.#socketPath = socketPath;
    this.#server = createServer((socket) => void this.#accept(socket));
  }

  /** @param socketPath path of the local socket that it creates */
  static async open(folder: string, socketPath: string): Promise<Profiler> {
    const profiler = new Profiler(folder, socketPath);
    await once(profiler.#server.listen(socketPath), 'listening');
    return profiler;
  }

  /** The environment of a process that may be profiled, or of its guardian. The files are named after `name`. */
  environment(name: string): Readonly<Record<string, string>> {
    const options = [process.env.NODE_OPTIONS, `--import=${PRELOAD}`];
    return {
      NODE_OPTIONS: options.filter((option) => option !== undefined).join(' '),
      BENCH_PROFILER_SOCKET: this.#socketPath,
      BENCH_PROFILER_NAME: name,
      // With --import, Node starts libuv's threads before bin/rangekeeper.cjs can say how many there should be.
      UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '16',
    };
  }

  /**
   * Runs `action` and profiles those of the processes that were started with `environment`, and each one that starts meanwhile.
   * Writes a file for each process into a folder for this title, and returns that folder. A process that ends before `action` does
   * leaves no file.
   */
  async profile(title: string, pids: readonly number[], action: () => Promise<unknown>): Promise<string> {
    const started: Promise<ProfiledProcess | null>[] = [];
    const start = (process: ProfiledProcess | undefined): void => {
      if (process !== undefined)
        started.push(process.ask('start').then((isDone) => (isDone ? process : null)));
    };
    for (const pid of pids) start(this.#processes.get(pid));
    this.#joined = start;
    try {
      await Promise.all(started);
      await action();
    } finally {
      this.#joined = null;
    }
    const folder = join(this.folder, title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
    mkdirSync(folder, { recursive: true });
    for (const process of await Promise.all(started))
      await process?.ask(join(folder, `${process.name}.cpuprofile`));
    return folder;
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.#processes.values()) socket.destroy();
  }

  async #accept(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    const lines = createInterface(socket);
    const [hello] = await once(lines, 'line');
    const { pid, name } = JSON.parse(hello) as { readonly pid: number; readonly name: string };
    const process = new ProfiledProcess(name, socket, lines);
    this.#processes.set(pid, process);
    socket.once('close', () => this.#processes.delete(pid));
    this.#joined?.(process);
  }
}

class ProfiledProcess {
  readonly name: string;
  readonly socket: Socket;
  readonly #lines: Interface;

  constructor(name: string, socket: Socket, lines: Interface) {
    this.name = name;
    this.socket = socket;
    this.#lines = lines;
  }

  /** Resolves to true when it is done, and to false if the process has ended. Rejects with the error of the process. */
  ask(line: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const ended = (): void => resolve(false);
      if (this.socket.destroyed) return ended();
      this.socket.once('close', ended);
      this.#lines.once('line', (answer) => {
        this.socket.off('close', ended);
        if (answer === 'done') resolve(true);
        else reject(new Error(`no profile of ${this.name}: ${answer}`));
      });
      this.socket.write(`${line}\n`);
    });
  }
}
