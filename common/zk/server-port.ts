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

/**
 * Below what systems give to outgoing connections (Linux from 32768, others from 49152). There anybody's connection could
 * take a port before its server listens or while it restarts; and who calls while nobody listens may reach himself.
 */
const PORTS = { first: 10_240, end: 32_768 };
const TRIES_MAX = 10_000;

/** `count` different ports that are free now, drawn at random. */
export async function freePorts(env: Env, host: string, count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === TRIES_MAX) throw new Error(`no free port on ${host}`);
    const port = PORTS.first + Math.floor(env.random() * (PORTS.end - PORTS.first));
    if (await isPortFree(host, port)) found.add(port);
  }
  return [...found];
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
