// A contender as the load sees it: one program's client, or many connections, of one kind of server. Every operation
// resolves when the server has answered. `caller` is the number of the concurrent caller, by which a driver with several
// connections picks one.

export type DriverSpec =
  | {
      readonly kind: 'rangekeeper';
      readonly zk: string;
      readonly namespaces: readonly string[];
      /** Clients, each with its own connections and its own ZooKeeper session. */
      readonly connections: number;
      /** Of each operation, retries included. */
      readonly deadlineMs: number;
    }
  | {
      readonly kind: 'redis';
      readonly port: number;
      readonly connections: number;
      /** Writes of one connection that wait while a WAIT is under way go out together, with one WAIT behind them. */
      readonly gathered: boolean;
      /** ioredis' enableAutoPipelining. */
      readonly pipelined: boolean;
    }
  | { readonly kind: 'zookeeper'; readonly port: number; readonly connections: number }
  | {
      readonly kind: 'echo';
      readonly port: number;
      readonly connections: number;
      readonly gathered: boolean;
      readonly valueBytes: number;
    };

/** What a client gives for a key: a value, or something that holds it. */
export type Got = string | Uint8Array | { readonly value: Uint8Array };

export function valueIn(got: Got): string | Uint8Array {
  return typeof got === 'object' && 'value' in got ? got.value : got;
}

export interface Driver {
  put(caller: number, key: string, value: string): Promise<unknown>;
  /** Null where there is no such key. */
  get(caller: number, key: string): Promise<Got | null>;
  /** Number of rows of one page; absent where the contender has no ordered keys. */
  scan?(caller: number, start: string, rows: number): Promise<number>;
  /** Sets many keys, as fast as can be; their durability is the servers'. */
  fill(keys: readonly string[], values: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** An operation that was refused; certainly nothing was applied. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
