// The bodies of all records but `entries` and `carried` (record.ts has the grammar around them).
//
//   segment    := openingLength:u32 format:u32 nodeId:string before:u64 beforeEnd:u32 stateBatch:u64
//                 openingLength: the length of the first group; the segment counts only if all of it is valid
//                 before: the number of the segment before it (0: none), whose records count up to beforeEnd
//   checkpoint, create := inc:u64 epochSeen:u64 base:position last:position committed:u64 void:u8 stateRequired:u8
//                 namespace:string span leaving:u8 (final:position children:u32 range:u64*)?
//                 stateRequired: the rows came by a snapshot, or from replicas that were replaced and have left. So without
//                 an applied position the state has lost them
//                 leaving: it was replaced, and its children still rely on its log (docs/storage.md#replacement)
//   replaced   := parents:u32 (range:u64 final:position)* children:u32 (range:u64 inc:u64 namespace:string span)*
//                 the header has the base of the children
//   void       := span
//   installed  := stateBatch:u64
//   tombstone  := inc:u64 epochSeen:u64 pending:u8 span? stateBatch:u64
//                 pending: rows in the span, applied position and sessions are not cleared yet. Of a replica that was
//                 replaced the span is empty, because its children have the rows
//
//   stateBatch: the number of the newest batch that the state store had written then (checked-engine.ts). A state store
//   with an older newest batch has lost something that is not in the log: rows of a snapshot, or the clearing of rows.
//
//   position := epoch:u64 seq:u64      span := namespaceId:u64 start:string bounded:u8 end:string?
//   string   := length:u32 byte*

import { present } from '../../../common/base/assert.ts';
import { type Bytes, toBytes, utf8OrNull } from '../../../common/base/bytes.ts';
import { getU64le, putU64le, viewOf } from '../../../common/base/integers.ts';
import type { Inc, NamespaceId, Position, RangeId, Seq } from '../../../common/model/ids.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import type { Parent } from '../../../common/model/replacement.ts';

export const LOG_FORMAT = 5;

/** A range of keys of one namespace. */
export interface Span extends KeyRange {
  readonly namespaceId: NamespaceId;
}

export interface SegmentBody {
  readonly openingLength: number;
  readonly format: number;
  readonly nodeId: string;
  readonly before: number;
  readonly beforeEnd: number;
  readonly stateBatch: number;
}

/** S6: a replica that was replaced, while its children still rely on its log. */
export interface Leaving {
  /** The last position that counts. */
  readonly final: Position;
  /** Those that were made on this node. */
  readonly children: readonly RangeId[];
}

/** A child of a replacement, on this node. */
export interface ChildBody {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly namespace: string;
  readonly span: Span;
}

export interface ReplacedBody {
  readonly parents: readonly Parent[];
  readonly children: readonly ChildBody[];
}

export interface ReplicaBody {
  readonly inc: Inc;
  readonly epochSeen: number;
  readonly base: Position;
  readonly last: Position;
  /** The replica knew that entries through this seq are committed. */
  readonly committed: Seq;
  readonly void: boolean;
  /** Its rows are in the state store only, so that must have an applied position. */
  readonly stateRequired: boolean;
  readonly namespace: string;
  readonly span: Span;
  readonly leaving: Leaving | null;
}

export interface TombstoneBody {
  readonly inc: Inc;
  readonly epochSeen: number;
  /** The rows that are still to be cleared, with position and sessions. Null: nothing is. */
  readonly pending: Span | null;
  readonly stateBatch: number;
}

class BodyWriter {
  #bytes = new Uint8Array(256);
  #view = viewOf(this.#bytes);
  #length = 0;

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number): this {
    const at = this.#grow(8);
    putU64le(this.#view, at, value);
    return this;
  }

  string(value: Bytes): this {
    this.u32(value.length);
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  position(position: Position): this {
    return this.u64(position.epoch).u64(position.seq);
  }

  span(span: Span): this {
    this.u64(span.namespaceId).string(span.start);
    return span.end === null ? this.u8(0) : this.u8(1).string(span.end);
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(item);
    return this;
  }

  done(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    return at;
  }
}

class BodyReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  u8(): number {
    return present(this.#bytes[this.#at++], 'a byte of a record');
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  u64(): number {
    this.#at += 8;
    return getU64le(this.#view, this.#at - 8);
  }

  /** A copy, so that the buffer of the record can be released. */
  string(): Bytes {
    const length = this.u32();
    this.#at += length;
    return new Uint8Array(this.#bytes.subarray(this.#at - length, this.#at));
  }

  text(): string {
    return present(utf8OrNull(this.string()), 'UTF-8 text of a record');
  }

  position(): Position {
    return { epoch: this.u64(), seq: this.u64() };
  }

  list<T>(read: () => T): readonly T[] {
    return Array.from({ length: this.u32() }, read);
  }

  span(): Span {
    return { namespaceId: this.u64(), start: this.string(), end: this.u8() === 0 ? null : this.string() };
  }
}

export function encodeSegment(body: SegmentBody): Bytes {
  return new BodyWriter()
    .u32(body.openingLength)
    .u32(body.format)
    .string(toBytes(body.nodeId))
    .u64(body.before)
    .u32(body.beforeEnd)
    .u64(body.stateBatch)
    .done();
}

export function decodeSegment(bytes: Bytes): SegmentBody {
  const reader = new BodyReader(bytes);
  return {
    openingLength: reader.u32(),
    format: reader.u32(),
    nodeId: reader.text(),
    before: reader.u64(),
    beforeEnd: reader.u32(),
    stateBatch: reader.u64(),
  };
}

export function encodeReplica(body: ReplicaBody): Bytes {
  const writer = new BodyWriter()
    .u64(body.inc)
    .u64(body.epochSeen)
    .position(body.base)
    .position(body.last)
    .u64(body.committed)
    .u8(body.void ? 1 : 0)
    .u8(body.stateRequired ? 1 : 0)
    .string(toBytes(body.namespace))
    .span(body.span);
  if (body.leaving === null) return writer.u8(0).done();
  const { final, children } = body.leaving;
  return writer
    .u8(1)
    .position(final)
    .list(children, (child) => writer.u64(child))
    .done();
}

export function decodeReplica(bytes: Bytes): ReplicaBody {
  const reader = new BodyReader(bytes);
  return {
    inc: reader.u64(),
    epochSeen: reader.u64(),
    base: reader.position(),
    last: reader.position(),
    committed: reader.u64(),
    void: reader.u8() === 1,
    stateRequired: reader.u8() === 1,
    namespace: reader.text(),
    span: reader.span(),
    leaving:
      reader.u8() === 0 ? null : { final: reader.position(), children: reader.list(() => reader.u64()) },
  };
}

export function encodeReplaced({ parents, children }: ReplacedBody): Bytes {
  const writer = new BodyWriter();
  writer.list(parents, ({ range, final }) => writer.u64(range).position(final));
  writer.list(children, ({ range, inc, namespace, span }) =>
    writer.u64(range).u64(inc).string(toBytes(namespace)).span(span),
  );
  return writer.done();
}

export function decodeReplaced(bytes: Bytes): ReplacedBody {
  const reader = new BodyReader(bytes);
  return {
    parents: reader.list(() => ({ range: reader.u64(), final: reader.position() })),
    children: reader.list(() => ({
      range: reader.u64(),
      inc: reader.u64(),
      namespace: reader.text(),
      span: reader.span(),
    })),
  };
}

export function encodeSpan(span: Span): Bytes {
  return new BodyWriter().span(span).done();
}

export function decodeSpan(bytes: Bytes): Span {
  return new BodyReader(bytes).span();
}

export function encodeTombstone(body: TombstoneBody): Bytes {
  const writer = new BodyWriter().u64(body.inc).u64(body.epochSeen);
  const span = body.pending === null ? writer.u8(0) : writer.u8(1).span(body.pending);
  return span.u64(body.stateBatch).done();
}

export function decodeTombstone(bytes: Bytes): TombstoneBody {
  const reader = new BodyReader(bytes);
  const inc = reader.u64();
  const epochSeen = reader.u64();
  const pending = reader.u8() === 0 ? null : reader.span();
  return { inc, epochSeen, pending, stateBatch: reader.u64() };
}

export function encodeInstalled(stateBatch: number): Bytes {
  return new BodyWriter().u64(stateBatch).done();
}

export function decodeInstalled(bytes: Bytes): number {
  return new BodyReader(bytes).u64();
}
