// A ZooKeeper server's port from outside: is it free, and what does the server answer to a four-letter word.

import { connect, createServer } from 'node:net';
import type { Env } from '../base/env.ts';

export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** `count` ports that are free now; all are held until the last is known, so that they differ. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const probes = await Promise.all(Array.from({ length: count }, () => listenAnywhere(host)));
  await Promise.all(probes.map(({ close }) => close()));
  return probes.map(({ port }) => port);
}

function listenAnywhere(host: string): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port: 0, exclusive: true }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((closed) => probe.close(() => closed())) });
    });
  });
}

const WORD_MS_MAX = 1_000;

/** The server's answer; empty where nobody listens, or answers within a second. */
export function fourLetterWord(env: Env, host: string, port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host, port }, () => socket.write(word));
    const timer = env.after(WORD_MS_MAX, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      timer.cancel();
      resolve(answer);
    });
  });
}
