// Checks of ports: whether one is free, which ones are free, and what a ZooKeeper server answers to a four-letter word.

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
 * Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152). A port above could be taken by any
 * connection before its server listens or while it restarts. A client could even connect to itself there.
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

/** The server's answer; empty if nobody listens, or there is no answer within a second. */
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
