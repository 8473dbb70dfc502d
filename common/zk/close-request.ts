// The request that closes a session, as bytes. It is for connections on which the library cannot send it, because the library sends
// nothing before the handshake is answered. A server reads it behind the handshake, once the session has been made or resumed.

import type { Socket } from 'node:net';

/** The complete request: length, xid 0, type -11. */
export const CLOSE_REQUEST = Buffer.from('0000000800000000fffffff5', 'hex');

/** How long the connection is kept afterwards, ms: if it were reset at once, the request could be lost. */
const CLOSE_GRACE_MS = 30_000;

/** Asks the server to close a session that it may be making and that nobody will use. Does not wait for the answer. */
export function sendCloseRequest(socket: Socket | undefined): void {
  socket?.unref();
  socket?.setTimeout(CLOSE_GRACE_MS, () => socket.destroy());
  socket?.end(CLOSE_REQUEST);
}
