// A load program (load/main.ts) as the benchmark holds it: started, told one thing at a time, stopped.

import { fileURLToPath } from 'node:url';
import { realEnv } from '../common/base/env.ts';
import { type Child, startChild } from '../common/process/children.ts';
import type { DriverSpec } from './load/driver.ts';
import type { Verified } from './load/ledger.ts';
import type { LoadCommand, LoadReply } from './load/messages.ts';
import type { SlotResult, SlotSpec } from './load/slot.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/rangekeeper.js', import.meta.url));

export class LoadProgram {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static start(): LoadProgram {
    const environment = { UV_THREADPOOL_SIZE: '4' };
    const argv = [PROGRAM, 'bench-load'];
    return new LoadProgram(startChild(realEnv, { argv, stdout: 'inherit', stderr: 'inherit', environment }));
  }

  static async open(driver: DriverSpec): Promise<LoadProgram> {
    const program = LoadProgram.start();
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

function fail(reply: LoadReply): never {
  throw new Error(`a load program answered ${reply.kind}`);
}
