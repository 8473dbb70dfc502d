// Writes in order to what is there: a pipe, a device, or a descriptor of this process. It cannot be taken back, so a reader may get
// half an export; the exit code says so.

import { close, constants, open, writeFile } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Bytes } from '../../common/base/bytes.ts';
import { delay, type Env } from '../../common/base/env.ts';
import { systemCode } from '../../common/base/system-error.ts';
import { interruptible } from '../interruption.ts';
import type { FileTarget } from './target.ts';

/** Where the bytes of an export go. Its functions are called one after the other. */
export interface ByteOutput {
  /** Resolves when there is room for more. */
  write(bytes: Bytes): Promise<void>;
  /** Called once everything is written. */
  finish(): Promise<void>;
  /** Called if the export failed. Never rejects. */
  abandon(): Promise<void>;
}

/** How often it looks whether a named pipe has a reader. Nothing tells. */
const READER_POLL_MS = 50;

const openDescriptor = promisify(open);
const closeDescriptor = promisify(close);
const writeAll = promisify<number, Bytes, void>(writeFile);

/** @throws Interrupted if the signal comes while a named pipe has no reader */
export async function openDirect(
  target: Exclude<FileTarget, { kind: 'file' }>,
  env: Env,
  signal: AbortSignal,
): Promise<ByteOutput> {
  if (target.kind === 'pipe') return openPipe(target.path, env, signal);
  if (target.kind === 'device') {
    const fd = await openDescriptor(target.path, constants.O_WRONLY | constants.O_NOCTTY);
    return new DescriptorOutput(fd, () => closeDescriptor(fd));
  }
  const { descriptor, about } = target;
  const ours = about.isFIFO() ? await openAgain(descriptor) : null;
  return ours === null ? new DescriptorOutput(descriptor, async () => {}) : new PipeOutput(ours, signal);
}

async function openPipe(path: string, env: Env, signal: AbortSignal): Promise<PipeOutput> {
  for (;;) {
    try {
      // Without O_NONBLOCK it would wait for a reader in a thread, and the process could not end.
      return new PipeOutput(await openDescriptor(path, constants.O_WRONLY | constants.O_NONBLOCK), signal);
    } catch (error) {
      if (systemCode(error) !== 'ENXIO') throw error;
    }
    await interruptible(signal, delay(env, READER_POLL_MS));
  }
}

/**
 * The same pipe, in a descriptor of our own: O_NONBLOCK on the given one would also be set for other processes that have it. Null:
 * that is not possible.
 */
async function openAgain(descriptor: number): Promise<number | null> {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK;
  return openDescriptor(`/proc/self/fd/${descriptor}`, flags).catch(() => null);
}

/** Waits for a slow reader in the event loop, so that Ctrl-C ends the wait. */
class PipeOutput implements ByteOutput {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #failure: Error | null = null;

  constructor(fd: number, signal: AbortSignal) {
    this.#signal = signal;
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  write(bytes: Bytes): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(this.#failure ?? error) : resolve()));
    });
    return interruptible(this.#signal, written);
  }

  /** A pipe has no end of its own to send: all is written once write() has resolved. */
  async finish(): Promise<void> {
    await this.abandon();
    if (this.#failure !== null) throw this.#failure;
  }

  async abandon(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.destroy();
    await closed;
  }
}

class DescriptorOutput implements ByteOutput {
  readonly #descriptor: number;
  readonly #close: () => Promise<void>;

  constructor(descriptor: number, close: () => Promise<void>) {
    this.#descriptor = descriptor;
    this.#close = close;
  }

  write(bytes: Bytes): Promise<void> {
    return writeAll(this.#descriptor, bytes);
  }

  finish(): Promise<void> {
    return this.#close();
  }

  async abandon(): Promise<void> {
    await this.#close().catch(() => {});
  }
}
