// The transport of messages between processes. Messages arrive complete and in order, and are lost with their connection. The real
// transport is WebSocket (ws-transport.ts); the simulator has a twin, and both pass the same conformance suite.

export interface ConnectionHandlers {
  /** A complete message has arrived. The bytes are valid until this returns; copy what you keep. */
  message(bytes: Uint8Array): void;
  /**
   * The connection has ended. Called once, and nothing is called after it.
   * @param violation the other end broke the transport's protocol
   */
  closed(reason: string, violation?: boolean): void;
}

export interface Connection {
  /** Queues one message. Once closed, messages are dropped silently. */
  send(bytes: Uint8Array): void;
  /** Bytes that are queued in this process, not yet handed to the operating system. */
  readonly queuedBytes: number;
  /** The other end's address, for logs. */
  readonly peer: string;
  /** Ends the connection after what is queued. `closed` is called in a later turn of the event loop. */
  close(reason: string): void;
  /** Ends the connection at once. What is queued is dropped, and its memory freed. */
  cut(reason: string): void;
}

/** Accepts a connection that another process made, and returns its handlers. */
export type Accept = (connection: Connection) => ConnectionHandlers;

export interface Listener {
  /** The `host:port` that is really listened on. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Transport {
  /**
   * Resolves once the connection is open. Rejects with RangekeeperError UNREACHABLE if it is refused, or after `timeoutMs`.
   * `handlers.closed` is called only for a connection that was open.
   */
  connect(address: string, timeoutMs: number, handlers: ConnectionHandlers): Promise<Connection>;
}
