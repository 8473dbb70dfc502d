// What reads return: data with two helpers for values that are text.

import { type Bytes, utf8OrNull, withoutCutCharacter } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../common/model/ids.ts';
import type { Found, Freshness, KeyRow, Provenance, ScanRow } from './api.ts';
import { keyText } from './key-text.ts';

/** @param length that of the complete value; undefined: `value` is complete */
function textOf(key: Bytes, value: Bytes, length?: number): string {
  const text = utf8OrNull(length === undefined ? value : withoutCutCharacter(value));
  if (text !== null) return text;
  throw new RangekeeperError('INVALID_ARGUMENT', `the value of ${keyText(key)} is not UTF-8 text`, { key });
}

/** The beginning of JSON may be JSON: a number has fewer digits then. */
function jsonOf<T>(key: Bytes, value: Bytes, length?: number): T {
  if (length !== undefined) {
    const cut = `the value of ${keyText(key)} is cut to ${value.length} of ${length} bytes`;
    throw new RangekeeperError('INVALID_ARGUMENT', cut, { key });
  }
  const text = textOf(key, value);
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new RangekeeperError(
      'INVALID_ARGUMENT',
      `the value of ${keyText(key)} is not JSON`,
      { key },
      error,
    );
  }
}

export class FoundValue implements Found {
  readonly value: Bytes;
  readonly revision: Seq;
  readonly stale: boolean;
  readonly staleMs: number | null;
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
  readonly #key: Bytes;

  constructor(
    key: Bytes,
    { value, revision }: Pick<Found, 'value' | 'revision'>,
    from: Provenance,
    age: Freshness,
  ) {
    this.#key = key;
    this.value = value;
    this.revision = revision;
    this.stale = age.stale;
    this.staleMs = age.staleMs;
    this.range = from.range;
    this.epoch = from.epoch;
    this.node = from.node;
  }

  text(): string {
    return textOf(this.#key, this.value);
  }

  json<T = unknown>(): T {
    return jsonOf(this.#key, this.value);
  }
}

/** The data of a row. */
export type PlainRow = Pick<KeyRow, 'key' | 'value' | 'revision' | 'valueLength'>;

export class PageRow implements KeyRow {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly revision: Seq;
  /** Only rows whose value was cut have it. */
  declare readonly valueLength?: number;

  constructor({ key, value, revision, valueLength }: PlainRow) {
    this.key = key;
    this.value = value;
    this.revision = revision;
    if (valueLength !== undefined) this.valueLength = valueLength;
  }

  text(): string {
    return textOf(this.key, this.value, this.valueLength);
  }

  json<T = unknown>(): T {
    return jsonOf(this.key, this.value, this.valueLength);
  }
}

export class ScannedRow implements ScanRow {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly revision: Seq;
  readonly stale: boolean;
  readonly staleMs: number | null;
  /** Only rows whose value was cut have it. */
  declare readonly valueLength?: number;

  constructor({ key, value, revision, valueLength }: PlainRow, { stale, staleMs }: Freshness) {
    this.key = key;
    this.value = value;
    this.revision = revision;
    if (valueLength !== undefined) this.valueLength = valueLength;
    this.stale = stale;
    this.staleMs = staleMs;
  }

  text(): string {
    return textOf(this.key, this.value, this.valueLength);
  }

  json<T = unknown>(): T {
    return jsonOf(this.key, this.value, this.valueLength);
  }
}

// Without a constructor of their own these objects look plain: to console.log, and to the deep equality of test frameworks.
for (const { prototype } of [FoundValue, PageRow, ScannedRow])
  Reflect.deleteProperty(prototype, 'constructor');
