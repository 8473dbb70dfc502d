// Errors as the wire carries them.

import { RangekeeperError } from '../base/errors.ts';
import type { ErrorReply } from './messages.ts';

export function replyFromError({ code, message, details }: RangekeeperError): ErrorReply {
  const { revision = 0, seq = 0, descriptor = null } = details;
  return { kind: 'error', code, message, revision, seq, descriptor };
}

/** An error of its own memory: nothing in it is a view. */
export function errorFromReply({ code, message, revision, seq, descriptor }: ErrorReply): RangekeeperError {
  return new RangekeeperError(code, message, {
    ...(code === 'CONFLICT' ? { revision } : {}),
    ...(seq === 0 ? {} : { seq }),
    ...(descriptor === null
      ? {}
      : { descriptor: { data: new Uint8Array(descriptor.data), version: descriptor.version } }),
  });
}
