// The last request on a connection to ZooKeeper, in bytes, for where the library cannot send it: it sends nothing before the
// handshake is answered. A server reads what came behind a handshake once it has made the session, or taken it up.

import type { Socket } from 'node:net';

/** A whole request to close the session: length, xid 0, type -11. */
export const CLOSE_REQUEST = Buffer.from('0000000800000000fffffff5', 'hex');

/** The connection is kept for so long, ms: a reset could overtake the request. */
const CLOSE_GRACE_MS = 30_000;

/** The server may be making a session that nobody will use: it is asked to close it, and no answer is waited for. */
export function sendCloseRequest(socket: Socket | undefined): void {
  socket?.unref();
  socket?.setTimeout(CLOSE_GRACE_MS, () => socket.destroy());
  socket?.end(CLOSE_REQUEST);
}
