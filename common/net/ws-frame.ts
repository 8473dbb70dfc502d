// A small message as a WebSocket frame in one piece of memory. ws hands its stream the head of a frame and its content as two
// pieces, and for a small message the second write is most of what sending costs. ws has no setting for that, so ws-transport.ts
// writes small messages to the stream beneath ws itself; whatever ws sends on the same connection (large messages, pongs, the
// closing frame) stays whole, as each frame is one write here and one turn there. Reading is left to ws.

import type { Bytes } from '../base/bytes.ts';

/** Content of the largest frame made here: with its head it fits into Node's pool of small buffers. */
export const WS_FRAME_BYTES_MAX = 4_000;

/** FIN and the opcode of a binary message (RFC 6455, 5.2). */
const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Length field of a frame whose length is in the next 16 bits; smaller numbers are the length itself. */
const LENGTH_FOLLOWS = 126;

/** @param isMasked as frames of the connecting end must be (5.3): the mask is all zeros, which changes no byte */
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
