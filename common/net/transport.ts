// Messages between processes as the rest of the code sees them: whole, in order on one connection, lost with it. The
// real one is WebSocket (ws-transport.ts); the simulator has a twin, and both pass the same conformance suite.

export interface ConnectionHandlers {
  /** One whole message. The bytes belong to the receiver until it returns; copy what is kept. */
  message(bytes: Uint8Array): void;
  /** Called once. Nothing is called after it. `violation`: the other end sent what this kind of connection does not allow. */
  closed(reason: string, violation?: boolean): void;
}

export interface Connection {
  /** Queues one message; dropped silently once closed. */
  send(bytes: Uint8Array): void;
  /** Bytes queued here and not yet handed to the operating system. */
  readonly queuedBytes: number;
  /** The other end's address, for logs. */
  readonly peer: string;
  /** Ends the connection; `closed` is called, in a later turn. */
  close(reason: string): void;
  /** As `close`, without a wait for what is queued: it is dropped, and its memory free. */
  cut(reason: string): void;
}

/** Takes in a connection that another process made. */
export type Accept = (connection: Connection) => ConnectionHandlers;

export interface Listener {
  /** `host:port` actually bound. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Transport {
  /**
   * Resolves once the connection is open; rejects with RangekeeperError UNREACHABLE after `timeoutMs` or at a refusal.
   * `handlers.closed` is called only for a connection that was opened.
   */
  connect(address: string, timeoutMs: number, handlers: ConnectionHandlers): Promise<Connection>;
}
