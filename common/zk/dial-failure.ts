// Why a server could not be dialed, in words for somebody who may have given a wrong address.

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there (ECONNREFUSED)'],
  ['ENOTFOUND', 'there is no such host (ENOTFOUND)'],
]);

/** The connection was closed before the handshake was answered. @param code of the connection's error; null: it had none */
export function dialFailure(handshakeSent: boolean, code: string | null): string {
  if (handshakeSent)
    return 'it closes the connection, so it is no ZooKeeper, or one that serves nobody at the moment';
  return code === null ? 'connection closed' : (REASONS.get(code) ?? `no connection (${code})`);
}

/** Notes the code of the connection's first error, such as ECONNREFUSED, and hands the errors on. */
export function noteErrorCode(manager: {
  onSocketError(error: NodeJS.ErrnoException): void;
}): () => string | null {
  const handOn = manager.onSocketError.bind(manager);
  let code: string | null = null;
  manager.onSocketError = (error) => {
    code ??= error.code ?? null;
    handOn(error);
  };
  return () => code;
}
