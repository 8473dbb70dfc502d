// Converts errors to messages and back.

import { Failure } from '../base/errors.ts';
import type { ErrorReply } from './messages.ts';

export function replyFromError({ code, message, details }: Failure): ErrorReply {
  const { revision = 0, seq = 0, index = null, descriptor = null } = details;
  return { kind: 'error', code, message, revision, seq, index, descriptor };
}

/** The failure has its own memory: no part of it is a view of the message. */
export function failureFromReply({ code, message, revision, seq, index, descriptor }: ErrorReply): Failure {
  return new Failure(code, message, {
    ...(code === 'CONFLICT' ? { revision } : {}),
    ...(index === null ? {} : { index }),
    ...(seq === 0 ? {} : { seq }),
    ...(descriptor === null
      ? {}
      : { descriptor: { data: new Uint8Array(descriptor.data), version: descriptor.version } }),
  });
}
