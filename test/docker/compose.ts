// Runs `docker compose`, or `docker-compose` if only that is installed, for one project.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { ROOT } from '../support/source.ts';

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Environment = Readonly<Record<string, string>>;

const COMMANDS: readonly (readonly [string, ...string[]])[] = [['docker', 'compose'], ['docker-compose']];

export class Compose {
  readonly project: string;
  readonly #command: readonly [string, ...string[]];
  readonly #environment: Environment;

  private constructor(command: readonly [string, ...string[]], project: string, environment: Environment) {
    this.#command = command;
    this.project = project;
    this.#environment = environment;
  }

  /**
   * Throws {@link ProcessExit} if Docker does not answer.
   * @param environment values of the variables in the compose file
   */
  static async find(project: string, environment: Environment): Promise<Compose> {
    if ((await run('docker', ['info'])).code !== 0) {
      throw new ProcessExit(
        EXIT.failed,
        'test:docker: the Docker engine does not answer (`docker info` fails)',
      );
    }
    for (const command of COMMANDS) {
      const [program, ...args] = command;
      if ((await run(program, [...args, 'version'])).code === 0)
        return new Compose(command, project, environment);
    }
    throw new ProcessExit(
      EXIT.failed,
      'test:docker: neither `docker compose` nor `docker-compose` is installed',
    );
  }

  /** The same project with more environment variables. */
  with(environment: Environment): Compose {
    return new Compose(this.#command, this.project, { ...this.#environment, ...environment });
  }

  try(...args: readonly string[]): Promise<Result> {
    const [program, ...rest] = this.#commandLine(args);
    return run(program, rest, { environment: this.#environment });
  }

  /** Runs a command and returns its stdout. Throws with its stderr if it fails. */
  async do(...args: readonly string[]): Promise<string> {
    return printed(`compose ${args.join(' ')}`, await this.try(...args));
  }

  /** Runs a command with this stdin and drops its stdout. Throws with its stderr if it fails. */
  async feed(input: Readable, ...args: readonly string[]): Promise<void> {
    const [program, ...rest] = this.#commandLine(args);
    printed(
      `compose ${args.join(' ')}`,
      await run(program, rest, { environment: this.#environment, input, keepsOutput: false }),
    );
  }

  /** Starts a process in a container that answers each line with one line. */
  talk(...args: readonly string[]): Dialogue {
    const [program, ...rest] = this.#commandLine(args);
    return new Dialogue(program, rest, this.#environment);
  }

  /** The ids of the containers of these services, or of all services. */
  async containers(...services: readonly string[]): Promise<string[]> {
    return (await this.do('ps', '-q', ...services))
      .split('\n')
      .filter((id) => id !== '')
      .sort();
  }

  #commandLine(args: readonly string[]): [string, ...string[]] {
    const file = join(ROOT, 'docker', 'compose.yaml');
    return [...this.#command, '-f', file, '-p', this.project, ...args];
  }
}

/** Runs `docker ...` and returns its stdout. Throws with its stderr if it fails. */
export async function docker(...args: readonly string[]): Promise<string> {
  return printed(`docker ${args.join(' ')}`, await run('docker', args));
}

function printed(what: string, { code, stdout, stderr }: Result): string {
  if (code !== 0) throw new Error(`${what} ended with code ${code}:\n${stderr}`);
  return stdout;
}

export class Dialogue {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], environment: Environment) {
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, ...environment },
    });
    // A broken pipe shows as the end of the answers.
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

interface RunOptions {
  readonly environment?: Environment;
  readonly input?: Readable;
  readonly keepsOutput?: boolean;
}

async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { environment = {}, input, keepsOutput = true } = options;
  // It has a process group of its own, so that Ctrl-C reaches only the test, which then removes the project with this program.
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...environment },
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 1));
  });
  // If the program stops reading, its exit code shows that.
  if (input === undefined) child.stdin.end();
  else pipeline(input, child.stdin).catch(() => {});
  const output = keepsOutput ? text(child.stdout) : drained(child.stdout);
  const [stdout, stderr, code] = await Promise.all([output, text(child.stderr), ended]);
  return { code, stdout, stderr };
}

async function drained(output: Readable): Promise<string> {
  for await (const _ of output);
  return '';
}
