// Between the replica's messages and the wire's frames: the same facts, with the range's id beside them.

import type { RangeId } from '../common/model/ids.ts';
import * as wire from '../common/wire/messages.ts';
import type { Append, AppendAck } from './replica/messages.ts';
import type { LogEntry } from './storage/storage.ts';

export function toFrame(range: RangeId, message: Append | AppendAck): wire.Append | wire.AppendAck {
  if (message.kind === 'append') return { ...message, range };
  const { inc, epoch, acked, rejection, stamp, unfit } = message;
  return {
    kind: 'append-ack',
    range,
    inc,
    epoch,
    ackedSeq: acked,
    rejection,
    stamp,
    unfit,
  };
}

/** The entries' payloads are copied: the log keeps them, the message goes. */
export function appendFrom(frame: wire.Append): Append {
  const entries: LogEntry[] = frame.entries.map(({ epoch, seq, kind, payload }) => {
    return { epoch, seq, kind, payload: wire.copyOf(payload) };
  });
  return { ...frame, entries };
}

export function ackFrom(frame: wire.AppendAck): AppendAck {
  const { inc, epoch, ackedSeq, rejection, stamp, unfit } = frame;
  return { kind: 'append-ack', inc, epoch, acked: ackedSeq, rejection, stamp, unfit };
}
