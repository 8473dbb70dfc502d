// The codec: a message of requests and a message of replies, compared with copying the same number of bytes.

import { decodeEnvelope, encodeEnvelope } from '../../common/wire/codec.ts';
import { type Body, CLIENT_ID_BYTES, type Frame } from '../../common/wire/messages.ts';
import { decodeOperation, encodeOperation } from '../../common/wire/operation.ts';
import { keyOf } from '../load/keys.ts';
import { PREFIX, VALUE_BYTES } from '../rig.ts';
import type { OpenParts, Part } from './part.ts';

const FRAMES = 64;
const TIMES = 20;

export const codecParts: OpenParts = async () => {
  const key = new Uint8Array(Buffer.from(keyOf(PREFIX, 1)));
  const value = new Uint8Array(VALUE_BYTES);
  const mutations = [{ kind: 'put', key, value, ifRevision: null }] as const;
  const clientId = new Uint8Array(CLIENT_ID_BYTES);
  const written = { clientId, number: 9_000, doneBelow: 8_000, base: 7_000, mutations };
  const operation = encodeOperation(written);
  const answered = { found: true, value, revision: 99, epoch: 3, stale: false, staleMs: 0 };
  const bodies: readonly Body[] = [
    { kind: 'write', range: 1, epoch: 3, operation },
    { kind: 'get', range: 1, epoch: 3, key, mode: 'linearizable', minSeq: 0 },
    { kind: 'get-reply', ...answered, appliedSeq: 123_456 },
  ];
  const parts = bodies.flatMap((body) => {
    const frames: Frame[] = Array.from({ length: FRAMES }, (_, i) => ({ id: i + 1, body }));
    const bytes = encodeEnvelope(frames);
    return [
      partOf(`encode ${body.kind}`, bytes, FRAMES, () => void encodeEnvelope(frames)),
      partOf(`decode ${body.kind}`, bytes, FRAMES, () => void decodeEnvelope(bytes)),
    ];
  });
  parts.push(partOf('encode operation', operation, 1, () => void encodeOperation(written)));
  parts.push(partOf('decode operation', operation, 1, () => void decodeOperation(operation)));
  return { parts, close: async () => {} };
};

function partOf(what: string, bytes: Uint8Array, units: number, run: () => void): Part {
  const repeated = (once: () => void) => (): number => {
    for (let i = 0; i < TIMES; i++) once();
    return TIMES * units;
  };
  return {
    ...{ name: `codec, ${what}`, subject: 'codec', variant: `${units} at once`, unit: 'frames/s' },
    own: { how: 'as it is', run: repeated(run) },
    raw: { how: 'a copy of the bytes', run: repeated(() => void new Uint8Array(bytes)) },
  };
}
