// Converts between the messages of a replica and the frames of the wire, which also have the range id.

import type { RangeId } from '../../common/model/ids.ts';
import type * as wire from '../../common/wire/messages.ts';
import type { AckMessage, AppendMessage } from '../replica/replica-messages.ts';

export function toFrame(range: RangeId, message: AppendMessage | AckMessage): wire.Append | wire.AppendAck {
  if (message.kind === 'append') {
    const { inc, epoch, prev, entries, commitSeq, echo } = message;
    return { kind: 'append', range, inc, epoch, prev, entries, commitSeq, echo };
  }
  const { inc, epoch, acked, rejection, stamp, unhealthy, contradiction } = message;
  return {
    kind: 'append-ack',
    range,
    inc,
    epoch,
    ackedSeq: acked,
    rejection,
    stamp,
    unhealthy,
    contradiction,
  };
}

export function ackFrom(frame: wire.AppendAck): AckMessage {
  const { inc, epoch, ackedSeq, rejection, stamp, unhealthy, contradiction } = frame;
  return { kind: 'append-ack', inc, epoch, acked: ackedSeq, rejection, stamp, unhealthy, contradiction };
}
