// The bytes of the client-session table (R13): one record for each client, as the state store and snapshots have it.
// Integers are varints.
//
//   table    := evictedThrough
//   session  := lastSeq floor doneBelow answer*
//   answer   := step outcome age epoch?
//               step: from the number of the answer before it; the first one from doneBelow
//               outcome: 0: conflict; else written, with (outcome - 1) keys deleted, and an epoch
//               age: lastSeq minus the revision

import type { Bytes } from '../../../common/base/bytes.ts';
import { LIMITS } from '../../../common/model/config.ts';
import type { Seq } from '../../../common/model/ids.ts';
import { Reader, Writer } from '../../../common/wire/protobuf.ts';
import { AnswerWindow, type WriteAnswer } from './answer-window.ts';

const CONFLICT = 0;

/** The session of one client with a range. */
export interface ClientSession {
  readonly clientId: Bytes;
  /** A number without an answer is new only if the base of its write is at or above this seq. */
  readonly floor: Seq;
  readonly window: AnswerWindow;
  /** The seq of its newest applied write. */
  lastSeq: Seq;
  /** Whether it has changed since the last `takeChanges`. */
  changed: boolean;
}

export function encodeTable(evictedThrough: Seq): Bytes {
  const writer = new Writer();
  writer.addVarint(evictedThrough);
  return writer.written();
}

export function decodeTable(record: Bytes): Seq {
  return new Reader(record).integer();
}

export function encodeSession({ lastSeq, floor, window }: ClientSession): Bytes {
  const writer = new Writer();
  writer.addVarint(lastSeq);
  writer.addVarint(floor);
  writer.addVarint(window.doneBelow);
  let before = window.doneBelow;
  for (const [number, answer] of window.entries()) {
    writer.addVarint(number - before);
    before = number;
    writer.addVarint(answer.kind === 'conflict' ? CONFLICT : 1 + answer.deleted);
    writer.addVarint(lastSeq - answer.revision);
    if (answer.kind === 'written') writer.addVarint(answer.epoch);
  }
  return writer.written();
}

/** Throws RangeError if the record is not one that {@link encodeSession} returns. */
export function decodeSession(clientId: Bytes, record: Bytes): ClientSession {
  const reader = new Reader(record);
  const lastSeq = reader.integer();
  const floor = reader.integer();
  const doneBelow = reader.integer();
  const window = new AnswerWindow(doneBelow);
  for (let number = doneBelow; reader.pos < reader.len; ) {
    number += reader.integer();
    if (number - doneBelow >= LIMITS.writeWindow) throw new RangeError('an answer is outside the window');
    window.set(number, decodeAnswer(reader, lastSeq));
  }
  return { clientId, floor, window, lastSeq, changed: false };
}

function decodeAnswer(reader: Reader, lastSeq: Seq): WriteAnswer {
  const outcome = reader.integer();
  const revision = lastSeq - reader.integer();
  if (revision < 0) throw new RangeError('an answer is older than the range');
  if (outcome === CONFLICT) return { kind: 'conflict', revision, index: null };
  return { kind: 'written', epoch: reader.integer(), revision, deleted: outcome - 1 };
}
