// The part of node-zookeeper-client 1.1.3 that link.ts uses, private shapes included; the package has no types. The
// version is pinned exactly in package.json because of them.

declare module 'node-zookeeper-client' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  export interface LibraryError extends Error {
    readonly code: number;
  }

  /** 64-bit fields are 8-byte big-endian Buffers. */
  export interface LibraryStat {
    readonly czxid: Buffer;
    readonly mzxid: Buffer;
    readonly version: number;
    readonly ephemeralOwner: Buffer;
  }

  export interface LibraryAcl {
    toRecord(): object;
  }

  export type LibraryCallback<T extends readonly unknown[]> = (
    error: LibraryError | null | undefined,
    ...results: T
  ) => void;

  /** Private: one session's connection. Methods set on the instance are the ones it binds to its next socket. */
  export interface ConnectionManager {
    socket: Socket | undefined;
    zxid: Buffer;
    findNextServer(found: (server: { host: string; port: number }) => void): void;
    /** Sends the handshake. */
    onSocketConnected(): void;
    onSocketData(chunk: Buffer): void;
    onSocketClosed(hadError: boolean): void;
    /** Clears the library's connect timer, and nothing else. */
    onSocketError(error: Error): void;
    queue(request: object, callback: LibraryCallback<[LibraryResponse | undefined]>): void;
  }

  export interface LibraryResponse {
    readonly payload: {
      readonly results: readonly {
        readonly type: number;
        readonly path?: string;
        readonly stat?: LibraryStat;
        readonly err?: number;
      }[];
    };
  }

  export interface Client extends EventEmitter {
    readonly connectionManager: ConnectionManager;
    connect(): void;
    close(): void;
    getSessionId(): Buffer;
    getSessionPassword(): Buffer;
    getSessionTimeout(): number;
    create(
      path: string,
      data: Buffer,
      acls: readonly LibraryAcl[],
      mode: number,
      callback: LibraryCallback<[string]>,
    ): void;
    remove(path: string, version: number, callback: LibraryCallback<[]>): void;
    setData(path: string, data: Buffer, version: number, callback: LibraryCallback<[LibraryStat]>): void;
    getData(
      path: string,
      watcher: (() => void) | undefined,
      callback: LibraryCallback<[Buffer | undefined, LibraryStat]>,
    ): void;
    exists(
      path: string,
      watcher: (() => void) | undefined,
      callback: LibraryCallback<[LibraryStat | null]>,
    ): void;
    getChildren(
      path: string,
      watcher: (() => void) | undefined,
      callback: LibraryCallback<[readonly string[], LibraryStat]>,
    ): void;
  }

  const library: {
    createClient(
      connectString: string,
      options: {
        sessionTimeout: number;
        spinDelay: number;
        retries: number;
        sessionId?: Buffer;
        sessionPassword?: Buffer;
      },
    ): Client;
    readonly ACL: { readonly OPEN_ACL_UNSAFE: readonly LibraryAcl[] };
    readonly CreateMode: {
      readonly PERSISTENT: number;
      readonly PERSISTENT_SEQUENTIAL: number;
      readonly EPHEMERAL: number;
      readonly EPHEMERAL_SEQUENTIAL: number;
    };
    readonly State: Readonly<Record<'SYNC_CONNECTED' | 'EXPIRED' | 'AUTH_FAILED', object>>;
    /** The constructor, with every code that it knows as a numeric property; it throws on any other. */
    readonly Exception: Readonly<Record<string, unknown>>;
  };
  export default library;
}

declare module 'node-zookeeper-client/lib/jute/index.js' {
  export interface MultiOp {
    readonly type: number;
    readonly path: string;
    readonly data?: Buffer;
    readonly acls?: readonly object[];
    readonly mode?: number;
    readonly version?: number;
  }

  const jute: {
    readonly OP_CODES: Readonly<
      Record<'CREATE' | 'DELETE' | 'SET_DATA' | 'CHECK' | 'MULTI' | 'ERROR', number>
    >;
    readonly protocol: { readonly RequestHeader: new () => { type: number } };
    readonly TransactionRequest: new (ops: readonly MultiOp[]) => object;
    readonly Request: new (header: object, payload: object) => object;
  };
  export default jute;
}
