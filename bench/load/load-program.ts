// A load program (load/main.ts) as the benchmark holds it: started, told one thing at a time, stopped.

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { realEnv } from '../../common/base/env.ts';
import { type Child, startChild } from '../../common/process/children.ts';
import { inspectable } from '../profile/inspector.ts';
import type { DriverSpec } from './driver.ts';
import type { Verified } from './ledger.ts';
import type { LoadCommand, LoadReply } from './messages.ts';
import type { SlotResult, SlotSpec } from './slot.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));

/**
 * For every contender alike: else V8 marks the whole heap for each few megabytes of values read, which was half of what the
 * program did with values of 1 MB. A user who moves as much does well to start Node so.
 */
const NODE_OPTIONS = ['--initial-old-space-size=64'];

const INSPECTOR_SAYS = /^(Debugger |For help, see: )/;

export class LoadProgram {
  /** Where its inspector listens once it is opened; null where it can't be. */
  readonly inspectPort: number | null;
  readonly #child: Child;

  private constructor(child: Child, inspectPort: number | null) {
    this.#child = child;
    this.inspectPort = inspectPort;
  }

  static start(inspectPort: number | null = null): LoadProgram {
    const environment = {
      UV_THREADPOOL_SIZE: '4',
      ...(inspectPort === null ? {} : inspectable(inspectPort)),
    };
    const argv = [PROGRAM, 'bench-load'];
    const stderr = inspectPort === null ? 'inherit' : 'pipe';
    const child = startChild(realEnv, {
      argv,
      nodeOptions: NODE_OPTIONS,
      stdout: 'inherit',
      stderr,
      environment,
    });
    passOn(child);
    return new LoadProgram(child, inspectPort);
  }

  static async open(driver: DriverSpec, inspectPort: number | null): Promise<LoadProgram> {
    const program = LoadProgram.start(inspectPort);
    await program.#ask({ kind: 'open', driver });
    return program;
  }

  get pids(): readonly number[] {
    return [this.#child.pid];
  }

  /** Serves the echo; gives the port. */
  async serveEcho(valueBytes: number): Promise<number> {
    const reply = await this.#ask({ kind: 'serve-echo', valueBytes });
    return reply.kind === 'port' ? reply.port : fail(reply);
  }

  async fill(prefix: string, from: number, to: number, valueBytes: number): Promise<void> {
    await this.#ask({ kind: 'fill', prefix, from, to, valueBytes });
  }

  async slot(spec: SlotSpec): Promise<SlotResult> {
    const reply = await this.#ask({ kind: 'slot', spec });
    return reply.kind === 'result' ? reply.result : fail(reply);
  }

  /** Reads back what was acknowledged, at most `max` keys of each kind of slot. */
  async verify(max: number): Promise<Verified> {
    const reply = await this.#ask({ kind: 'verify', max });
    return reply.kind === 'verified' ? reply.verified : fail(reply);
  }

  async stop(): Promise<void> {
    await this.#child.stop(1_000);
  }

  #ask(command: LoadCommand): Promise<LoadReply> {
    const { process: child } = this.#child;
    return new Promise((resolve, reject) => {
      const ended = (): void =>
        reject(new Error(`a load program ended while it was told to ${command.kind}`));
      child.once('exit', ended);
      child.once('message', (reply) => {
        child.off('exit', ended);
        const told = reply as LoadReply;
        if (told.kind === 'failed') reject(new Error(`load program, ${command.kind}: ${told.reason}`));
        else resolve(told);
      });
      child.send(command);
    });
  }
}

/** All that it says but what Node tells of its inspector. */
function passOn({ process: { stderr } }: Child): void {
  if (stderr === null) return;
  createInterface(stderr).on('line', (line) => {
    if (!INSPECTOR_SAYS.test(line)) process.stderr.write(`${line}\n`);
  });
}

function fail(reply: LoadReply): never {
  throw new Error(`a load program answered ${reply.kind}`);
}
