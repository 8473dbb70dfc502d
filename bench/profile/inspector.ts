// A running Node process as its own inspector shows it: opened from outside by SIGUSR1, on 127.0.0.1, so that the program
// needs no part in it. The port comes from `--inspect-port` in NODE_OPTIONS, which a guardian hands on to its node.

import type { Profiler } from 'node:inspector';
import WebSocket from 'ws';
import { delay, type Env } from '../../common/base/env.ts';
import { readProc } from '../processes.ts';

const HOST = '127.0.0.1';
const OPEN_MS_MAX = 10_000;
const RETRY_MS = 5;
/** SIGUSR1 in the mask of caught signals. */
const CATCHES_BIT = 1n << 9n;
const SAMPLE_MICROS = 1_000;

/** The environment of a process that can be looked into at this port later. */
export function inspectable(port: number): Readonly<Record<string, string>> {
  const options = [process.env.NODE_OPTIONS, `--inspect-port=${HOST}:${port}`];
  return { NODE_OPTIONS: options.filter((option) => option !== undefined).join(' ') };
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    const gone = (): void => {
      for (const answer of this.#waiting.values()) answer({ error: { message: 'the process is gone' } });
      this.#waiting.clear();
    };
    socket.on('close', gone);
    socket.on('error', gone);
  }

  /** Rejects where the process has ended, or another one has its port. */
  static async open(env: Env, pid: number, port: number): Promise<Inspector> {
    const end = env.now() + OPEN_MS_MAX;
    // Before Node catches it, the signal would end the process.
    while (!catchesSignal(pid)) await again(env, end, `process ${pid} takes no inspector`);
    process.kill(pid, 'SIGUSR1');
    for (;;) {
      const socket = await connected(port);
      if (socket !== null) {
        const inspector = new Inspector(socket);
        if ((await inspector.evaluate('process.pid')) === pid) return inspector;
        inspector.close();
      }
      await again(env, end, `the inspector of process ${pid} does not answer at port ${port}`);
    }
  }

  /** The value of an expression, or what its promise resolves with; `require` is there. */
  async evaluate(expression: string): Promise<unknown> {
    const asked = { expression, includeCommandLineAPI: true, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = (await this.#ask('Runtime.evaluate', asked)) as Evaluated;
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async startProfile(): Promise<void> {
    // A process that begins has no turn to lose between them.
    await Promise.all([
      this.#ask('Profiler.enable'),
      this.#ask('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS }),
      this.#ask('Profiler.start'),
    ]);
  }

  async stopProfile(): Promise<Profiler.Profile> {
    const { profile } = (await this.#ask('Profiler.stop')) as Profiler.StopReturnType;
    await this.#ask('Profiler.disable');
    return profile;
  }

  close(): void {
    this.#socket.terminate();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }), (error) => {
        if (error) reject(error);
      });
    });
  }
}

async function again(env: Env, end: number, fault: string): Promise<void> {
  if (env.now() > end) throw new Error(fault);
  await delay(env, RETRY_MS);
}

function catchesSignal(pid: number): boolean {
  const mask = /^SigCgt:\s+(\w+)/m.exec(readProc(`/proc/${pid}/status`) ?? '')?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) & CATCHES_BIT) !== 0n;
}

/** Null where nobody listens yet. */
async function connected(port: number): Promise<WebSocket | null> {
  try {
    const answer = await fetch(`http://${HOST}:${port}/json/list`);
    const [target] = (await answer.json()) as { readonly webSocketDebuggerUrl?: string }[];
    if (target?.webSocketDebuggerUrl === undefined) return null;
    const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
    return await new Promise((resolve, reject) => {
      socket.once('open', () => resolve(socket));
      socket.once('error', reject);
    });
  } catch {
    return null;
  }
}
