// Makes a WebSocket frame of a small message in one piece of memory. The library ws writes the head of a frame and its content to
// the stream separately, and for a small message the second write is most of the cost. ws has no setting for that, so
// ws-transport.ts writes small messages to the stream beneath ws. Frames never mix: each one is a single write here, and ws writes
// each of its own (large messages, pongs, the close frame) within one turn. ws does the reading.

import type { Bytes } from '../base/bytes.ts';

/** Bytes of the largest content of a frame made here: with its head it fits into the pool of small buffers of Node.js. */
export const WS_FRAME_BYTES_MAX = 4_000;

/** FIN and the opcode of a binary message (RFC 6455, 5.2). */
const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Value of the length field if the length is in the next 16 bits. Smaller values are the length itself. */
const LENGTH_FOLLOWS = 126;

/** @param isMasked for frames of the connecting end, which must be masked (5.3). The mask is all zeros, which changes no byte */
export function wsFrame(content: Bytes, isMasked: boolean): Bytes {
  const { length } = content;
  const hasLength = length >= LENGTH_FOLLOWS;
  const head = 2 + (hasLength ? 2 : 0) + (isMasked ? MASK_BYTES : 0);
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = WHOLE_BINARY;
  frame[1] = (isMasked ? MASKED : 0) | (hasLength ? LENGTH_FOLLOWS : length);
  if (hasLength) frame.writeUInt16BE(length, 2);
  if (isMasked) frame.fill(0, head - MASK_BYTES, head);
  frame.set(content, head);
  return frame;
}
