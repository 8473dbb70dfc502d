// docker compose, or docker-compose where that is what is installed, as a program: one project of its own.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { ROOT } from '../support/source.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMANDS: readonly (readonly [string, ...string[]])[] = [['docker', 'compose'], ['docker-compose']];

export class Compose {
  readonly #command: readonly [string, ...string[]];
  readonly #project: string;

  private constructor(command: readonly [string, ...string[]], project: string) {
    this.#command = command;
    this.#project = project;
  }

  /** Throws {@link ProcessExit} where there is no Docker that answers. */
  static async find(project: string): Promise<Compose> {
    if ((await run('docker', ['info'])).code !== 0) {
      throw new ProcessExit(EXIT.failed, 'test:docker: no Docker engine answers (`docker info` fails)');
    }
    for (const command of COMMANDS) {
      const [program, ...args] = command;
      if ((await run(program, [...args, 'version'])).code === 0) return new Compose(command, project);
    }
    throw new ProcessExit(
      EXIT.failed,
      'test:docker: neither `docker compose` nor `docker-compose` is installed',
    );
  }

  try(...args: readonly string[]): Promise<Result> {
    const [program, ...rest] = this.#words(args);
    return run(program, rest);
  }

  /** What it prints; throws with its complaint where it fails. */
  async do(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`compose ${args.join(' ')} ended with code ${code}:\n${stderr}`);
    return stdout;
  }

  /** A process in a container that answers each line with one. */
  talk(...args: readonly string[]): Talk {
    const [program, ...rest] = this.#words(args);
    return new Talk(program, rest);
  }

  #words(args: readonly string[]): [string, ...string[]] {
    const file = join(ROOT, 'docker', 'compose.yaml');
    return [...this.#command, '-f', file, '-p', this.#project, ...args];
  }
}

export class Talk {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: ENVIRONMENT,
    });
    // A pipe that broke shows as the end of the answers.
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`no answer to: ${line}`);
    return value;
  }

  close(): void {
    this.#child.stdin.end();
  }
}

/** The page gets any free port. */
const ENVIRONMENT = { ...process.env, RANGEKEEPER_WEB_PORT: '0' };

async function run(program: string, args: readonly string[]): Promise<Result> {
  // A group of its own: Ctrl-C is for the test, which takes the project down with this very program.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: ENVIRONMENT,
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 1));
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
