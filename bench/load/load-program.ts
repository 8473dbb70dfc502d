// Starts, calls and stops a load program (program.ts, main.ts) for the benchmark.

import { fileURLToPath } from 'node:url';
import { realEnv } from '../../common/base/env.ts';
import { type Child, startChild } from '../../common/process/children.ts';
import type { Call, Program, Reply } from './main.ts';

const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));

/**
 * The same for every contender. Otherwise V8 marks the complete heap after each few megabytes of values that are read. Users with
 * values of 1 MB should start Node with this, too.
 */
const NODE_OPTIONS = ['--initial-old-space-size=64'];

export class LoadProgram {
  readonly #child: Child;

  /** @param environment that of the profiler, if there is one */
  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.#child = startChild(realEnv, {
      argv: [PROGRAM],
      nodeOptions: NODE_OPTIONS,
      stdout: 'inherit',
      stderr: 'inherit',
      environment: { ...environment, UV_THREADPOOL_SIZE: '4' },
    });
  }

  get pids(): readonly number[] {
    return [this.#child.pid];
  }

  /** Calls a method of the program; at most one call at a time. Rejects if it fails, or if the program ends meanwhile. */
  call<M extends keyof Program>(
    method: M,
    ...args: Parameters<Program[M]>
  ): Promise<Awaited<ReturnType<Program[M]>>> {
    const { process: child } = this.#child;
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`a load program ended during ${method}`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        const reply = message as Reply;
        if (reply.kind === 'failed') reject(new Error(`load program, ${method}: ${reply.failure}`));
        else resolve(reply.value as Awaited<ReturnType<Program[M]>>);
      });
      const call: Call = { method, args };
      child.send(call);
    });
  }

  async stop(): Promise<void> {
    await this.#child.stop(1_000);
  }
}
