// Rows as they stand in a message: field 1 of a ScanReply, again and again, one row behind the other. A node keeps and merges
// rows in this form and copies them into the answer as they are; nobody makes an object of a row before the caller
// that asked for it gets one.
//
//   row := 0x0a length:varint  0x0a length:varint key  0x12 length:varint value  0x18 revision:varint
//
// This is how we encode one; `decode` takes whatever the schema allows of a Row.

import { type Bytes, emptyBytes, keepable } from '../base/bytes.ts';
import { putVarint } from '../base/integers.ts';
import type { Seq } from '../model/ids.ts';
import { check, checkKey, checkValue, malformed } from './checks.ts';
import { bytesBytes, integerBytes, Reader } from './protobuf.ts';

export interface WireRow {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly revision: Seq;
}

const ROW = 0x0a;
const KEY = 0x0a;
const VALUE = 0x12;
const REVISION = 0x18;

/** Fewer bytes are copied one by one: for so few a call costs more. */
const COPIED_BY_CALL_MIN = 48;

export class EncodedRows {
  static readonly none = new EncodedRows([]);
  /** Whole rows each, in order; not looked into yet, and a view, where they came in a message. */
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

  /** The rows, which share memory: one keeps its part of them alive. Throws RangekeeperError MALFORMED. */
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
  const encoded: Bytes[] = [];
  for (const { key, value, revision } of rows) {
    const bytes = new Uint8Array(encodedRowSize(key.length, value.length, revision));
    encodeRow(bytes, 0, key, 0, value, 0, revision);
    encoded.push(bytes);
  }
  return Buffer.concat(encoded);
}

function decodePart(part: Bytes, into: WireRow[]): void {
  const reader = new Reader(part);
  const { len } = reader;
  while (reader.pos < len) {
    check(reader.shortTag() === ROW, 'not a row');
    into.push(readRow(reader));
    reader.len = len;
  }
}

function readRow(reader: Reader): WireRow {
  const end = reader.size() + reader.pos;
  check(end <= reader.len, 'a row is cut short');
  reader.len = end;
  let key = emptyBytes;
  let value = emptyBytes;
  let revision = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === KEY) key = reader.bytesView();
    else if (tag === VALUE) value = reader.bytesView();
    else if (tag === REVISION) revision = reader.safeInteger();
    else reader.skipType(tag & 7, 0, tag >>> 3);
  }
  checkKey(key);
  checkValue(value);
  return { key, value, revision };
}

// ---- encoding ----------------------------------------------------------------------------------------------------

/** Bytes that a row takes. */
export function encodedRowSize(keyLength: number, valueLength: number, revision: Seq): number {
  return bytesBytes(bodyBytes(keyLength, valueLength, revision));
}

function bodyBytes(keyLength: number, valueLength: number, revision: Seq): number {
  return bytesBytes(keyLength) + bytesBytes(valueLength) + integerBytes(revision);
}

/** Encodes a row at `at`, from the parts of `key` and `value` that begin at these indexes. Answers where it ends. */
export function encodeRow(
  into: Bytes,
  at: number,
  key: Bytes,
  keyFrom: number,
  value: Bytes,
  valueFrom: number,
  revision: Seq,
): number {
  const keyLength = key.length - keyFrom;
  const valueLength = value.length - valueFrom;
  let end = putField(into, at, ROW, bodyBytes(keyLength, valueLength, revision));
  end = copy(key, keyFrom, into, putField(into, end, KEY, keyLength));
  end = copy(value, valueFrom, into, putField(into, end, VALUE, valueLength));
  return revision === 0 ? end : putField(into, end, REVISION, revision);
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

/** Goes over rows that we have encoded, without an object for any: begins ahead of the first. */
export class RowWalk {
  readonly bytes: Bytes;
  /** Of the row that it is at: where it begins, where the next one does, and its parts. */
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

  /** On to the next row; false where there is none. */
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
    this.#source.pos = this.valueAt + this.valueLength;
    return this.#source.pos === this.end ? 0 : this.#field();
  }

  /** A view. */
  get key(): Bytes {
    return this.bytes.subarray(this.keyAt, this.keyAt + this.keyLength);
  }

  /** As compareBytes. */
  compareKey(key: Bytes): number {
    const { bytes, keyAt, keyLength } = this;
    const shared = Math.min(keyLength, key.length);
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[keyAt + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return keyLength - key.length;
  }

  /** Passes a tag, gives the number behind it. */
  #field(): number {
    this.#source.pos++;
    return this.#source.safeInteger();
  }
}
