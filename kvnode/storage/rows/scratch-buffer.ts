// Encodes a row for the state store in a buffer that all rows share: the store copies what it is given. The encoded row
// is valid until the next one is encoded.

import type { Bytes } from '../../../common/base/bytes.ts';
import { LIMITS } from '../../../common/model/config.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import { putRowKey, putRowValue, ROW_PREFIX_BYTES, rowValueBytes } from '../state/stored-keys.ts';
import type { Row } from '../storage.ts';

const SMALL_WINDOW_BYTES = 8 * 1024;
/** Longer windows have a buffer of their own. It grows to this size and is never released. */
const LARGE_WINDOW_BYTES_MAX = LIMITS.valueBytesMax + SMALL_WINDOW_BYTES;

/** A buffer that is used again and again: a window on it is valid until the next one is taken. */
export class ScratchBuffer {
  readonly #bytes = Buffer.alloc(SMALL_WINDOW_BYTES);
  /** One window per length, reused. */
  readonly #windows: Buffer[] = [];
  #long = Buffer.alloc(0);

  window(length: number): Buffer {
    if (length > SMALL_WINDOW_BYTES) return this.#longWindow(length);
    let window = this.#windows[length];
    if (window === undefined) {
      window = this.#bytes.subarray(0, length);
      this.#windows[length] = window;
    }
    return window;
  }

  #longWindow(length: number): Buffer {
    if (length > this.#long.length) {
      this.#long = Buffer.allocUnsafeSlow(Math.max(length, Math.min(2 * length, LARGE_WINDOW_BYTES_MAX)));
    }
    return this.#long.subarray(0, length);
  }
}

const keys = new ScratchBuffer();
const values = new ScratchBuffer();

export function scratchRowKey(namespaceId: NamespaceId, key: Bytes): Buffer {
  const window = keys.window(ROW_PREFIX_BYTES + key.length);
  putRowKey(window, namespaceId, key);
  return window;
}

export function scratchRowValue({ revision, value }: Pick<Row, 'revision' | 'value'>): Buffer {
  const window = values.window(rowValueBytes(value));
  putRowValue(window, revision, value);
  return window;
}
