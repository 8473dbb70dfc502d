// A driver lets the load use a contender through one client, or through many connections. Every operation resolves when the server
// has answered. `caller` is the number of the concurrent caller, by which a driver with several connections chooses one.

import { present } from '../../common/base/assert.ts';

export type DriverSpec =
  | {
      readonly kind: 'rangekeeper';
      readonly zk: string;
      readonly namespaces: readonly string[];
      /** Number of clients, each with its own connections and its own ZooKeeper session. */
      readonly connections: number;
      /** Deadline of each operation, including retries, ms. */
      readonly deadlineMs: number;
    }
  | ({ readonly kind: 'redis'; readonly port: number } & RedisMode)
  | { readonly kind: 'zookeeper'; readonly port: number; readonly connections: number }
  | {
      readonly kind: 'echo';
      readonly port: number;
      readonly connections: number;
      readonly gathered: boolean;
    };

export interface RedisMode {
  readonly connections: number;
  /** Writes of one connection that arrive during a WAIT are sent together, followed by one WAIT. */
  readonly gathered: boolean;
  /** Uses enableAutoPipelining of ioredis. */
  readonly pipelined: boolean;
}

/** What a client returns for a key: a value, or an object with it. */
export type Got = string | Uint8Array | { readonly value: Uint8Array };

export function valueIn(got: Got): string | Uint8Array {
  return typeof got === 'string' || got instanceof Uint8Array ? got : got.value;
}

export interface Driver {
  put(caller: number, key: string, value: string): Promise<unknown>;
  /** Null: the key is absent. */
  get(caller: number, key: string): Promise<Got | null>;
  /** Reads a page and returns its number of rows; absent if the contender has no ordered keys. */
  scan?(caller: number, start: string, rows: number): Promise<number>;
  /** Sets many keys as fast as possible. */
  fill(keys: readonly string[], values: readonly string[]): Promise<void>;
}

/** The connection of a caller; callers are spread evenly. */
export function connectionOf<T>(connections: readonly T[], caller: number): T {
  return present(connections[caller % connections.length], 'a connection for every caller');
}

/** Opens this number of connections at the same time. */
export function openAll<T>(connections: number, open: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: connections }, open));
}

/** Runs `task` for each index below `count`, in order, at most `atOnce` of them at the same time. */
export async function forEach(
  count: number,
  atOnce: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await task(index);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** An operation was refused, and certainly nothing was applied. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
