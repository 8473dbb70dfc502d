// Rows in the form that they have in a message: field 1 of a ScanReply, repeated for each row. A node keeps and merges rows in this
// form, and copies them into the answer. Only the client that asked for them makes an object of each row.
//
//   row := 0x0a length:varint  0x0a length:varint key  0x12 length:varint value  0x18 revision:varint
//          [0x20 valueLength:varint]  if the value is cut
//
// This is how a row is encoded here. `decode` accepts everything that the schema allows for a Row.

import { type Bytes, emptyBytes, keepable } from '../base/bytes.ts';
import { putVarint } from '../base/integers.ts';
import type { Seq } from '../model/ids.ts';
import { check, checkKey, checkValue, malformed } from './checks.ts';
import { bytes, bytesSize, integer, integerSize, type MessageCodec, Reader, Writer } from './protobuf.ts';

export interface WireRow {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly revision: Seq;
  /** The length of the complete value, if `value` is only its beginning. */
  readonly valueLength?: number;
}

/** The tag of ScanReply's field of rows. */
export const ROWS = bytes(1);
const ROW = { key: bytes(1), value: bytes(2), revision: integer(3), valueLength: integer(4) } as const;

/** Fewer bytes than this are copied one by one, because a call of `set` would cost more. */
const COPIED_BY_CALL_MIN = 48;

export const row: MessageCodec<WireRow> = {
  size({ key, value, revision, valueLength = 0 }) {
    return fieldsSize(key.length, value.length, revision, valueLength);
  },

  put(writer, { key, value, revision, valueLength = 0 }) {
    writer.bytes(ROW.key, key);
    writer.bytes(ROW.value, value);
    writer.integer(ROW.revision, revision);
    writer.integer(ROW.valueLength, valueLength);
  },

  read(reader) {
    let key = emptyBytes;
    let value = emptyBytes;
    let revision = 0;
    let valueLength = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === ROW.key) key = reader.bytes();
      else if (tag === ROW.value) value = reader.bytes();
      else if (tag === ROW.revision) revision = reader.integer();
      else if (tag === ROW.valueLength) valueLength = reader.u32();
      else reader.skipField(tag);
    }
    checkKey(key);
    checkValue(value);
    return valueLength === 0 ? { key, value, revision } : { key, value, revision, valueLength };
  },
};

export class EncodedRows {
  static readonly none = new EncodedRows([]);
  /** Parts of complete rows, in order. If they came in a message, they are views of it and not checked yet. */
  readonly parts: readonly Bytes[];

  constructor(parts: readonly Bytes[]) {
    this.parts = parts;
  }

  static of(rows: Iterable<WireRow>): EncodedRows {
    return new EncodedRows([encodeRows(rows)]);
  }

  get length(): number {
    let length = 0;
    for (const part of this.parts) length += part.length;
    return length;
  }

  /** The rows. They share memory: a row that is kept keeps its part alive. Throws RangekeeperError MALFORMED. */
  decode(): WireRow[] {
    const rows: WireRow[] = [];
    try {
      for (const part of this.parts) decodePart(keepable(part), rows);
    } catch (error) {
      throw malformed(error);
    }
    return rows;
  }
}

export function encodeRows(rows: Iterable<WireRow>): Bytes {
  const writer = new Writer();
  for (const each of rows) {
    writer.reserve(bytesSize(row.size(each)));
    writer.message(ROWS, row, each);
  }
  return writer.written();
}

function decodePart(part: Bytes, into: WireRow[]): void {
  const reader = new Reader(part);
  while (reader.hasMore) {
    check(reader.fieldTag() === ROWS, 'not a row');
    into.push(reader.message(row));
  }
}

// ---- encoding ----------------------------------------------------------------------------------------------------

/** How many bytes an encoded row takes. @param cutFrom the length of the complete value if the value is cut, else 0 */
export function encodedRowSize(keyLength: number, valueLength: number, revision: Seq, cutFrom = 0): number {
  return bytesSize(fieldsSize(keyLength, valueLength, revision, cutFrom));
}

function fieldsSize(keyLength: number, valueLength: number, revision: Seq, cutFrom: number): number {
  return bytesSize(keyLength) + bytesSize(valueLength) + integerSize(revision) + integerSize(cutFrom);
}

/**
 * Encodes a row at `at`, and returns its end. The key and the value begin at these indexes of `key` and `value`.
 * @param cutFrom the length of the complete value if the value is cut, else 0
 */
export function encodeRow(
  into: Bytes,
  at: number,
  key: Bytes,
  keyFrom: number,
  value: Bytes,
  valueFrom: number,
  revision: Seq,
  cutFrom = 0,
): number {
  const keyLength = key.length - keyFrom;
  const valueLength = value.length - valueFrom;
  let end = putField(into, at, ROWS, fieldsSize(keyLength, valueLength, revision, cutFrom));
  end = copy(key, keyFrom, into, putField(into, end, ROW.key, keyLength));
  end = copy(value, valueFrom, into, putField(into, end, ROW.value, valueLength));
  if (revision !== 0) end = putField(into, end, ROW.revision, revision);
  return cutFrom === 0 ? end : putField(into, end, ROW.valueLength, cutFrom);
}

function putField(into: Bytes, at: number, tag: number, value: number): number {
  into[at] = tag;
  return putVarint(into, at + 1, value);
}

function copy(from: Bytes, start: number, into: Bytes, at: number): number {
  const length = from.length - start;
  if (length < COPIED_BY_CALL_MIN) for (let i = 0; i < length; i++) into[at + i] = from[start + i] as number;
  else into.set(start === 0 ? from : from.subarray(start), at);
  return at + length;
}

// ---- walking -----------------------------------------------------------------------------------------------------

/** Iterates over rows that were encoded here, without making an object of each. It starts before the first row. */
export class RowWalk {
  readonly bytes: Bytes;
  /** The present row: its start, its end, and the places of its key and value. */
  at = 0;
  end = 0;
  keyAt = 0;
  keyLength = 0;
  valueAt = 0;
  valueLength = 0;
  readonly #source: Reader;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    this.#source = new Reader(bytes);
  }

  /** Moves to the next row. False if there is none. */
  next(): boolean {
    if (this.end === this.bytes.length) return false;
    this.at = this.end;
    this.#source.pos = this.end;
    const length = this.#field();
    this.end = this.#source.pos + length;
    this.keyLength = this.#field();
    this.keyAt = this.#source.pos;
    this.#source.pos += this.keyLength;
    this.valueLength = this.#field();
    this.valueAt = this.#source.pos;
    return true;
  }

  get revision(): Seq {
    const at = this.valueAt + this.valueLength;
    this.#source.pos = at;
    return at < this.end && this.bytes[at] === ROW.revision ? this.#field() : 0;
  }

  /** A view. */
  get key(): Bytes {
    return this.bytes.subarray(this.keyAt, this.keyAt + this.keyLength);
  }

  /** A view of the first `length` bytes, or of the complete value. */
  value(length = this.valueLength): Bytes {
    return this.bytes.subarray(this.valueAt, this.valueAt + Math.min(length, this.valueLength));
  }

  /** Compares the present row's key with `key`, as compareBytes does. */
  compareKey(key: Bytes): number {
    const { bytes, keyAt, keyLength } = this;
    const shared = Math.min(keyLength, key.length);
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[keyAt + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return keyLength - key.length;
  }

  /** Skips a tag, and returns the number behind it. */
  #field(): number {
    this.#source.pos++;
    return this.#source.integer();
  }
}
