// Packets come out complete, however the chunks are divided.

import test from 'ava';
import fc from 'fast-check';
import { PacketCutter } from '../../../common/zk/packet-cutter.ts';

function packet(body: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length);
  return Buffer.concat([head, body]);
}

function drain(cutter: PacketCutter): Buffer[] {
  const packets: Buffer[] = [];
  for (let next = cutter.next(); next !== null; next = cutter.next()) packets.push(next);
  return packets;
}

test('from any chunks of any packets come the packets', (t) => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(bodies, sizes, (wanted, chunkSizes) => {
      const stream = Buffer.concat(wanted.map(packet));
      const cutter = new PacketCutter();
      const got: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = chunkSizes[turn % chunkSizes.length] ?? 1;
        cutter.push(stream.subarray(at, at + size));
        got.push(...drain(cutter));
        at += size;
      }
      t.deepEqual(got, wanted.map(packet));
    }),
  );
});

for (const size of [-1, 0x7fffffff, 16 * 1024 * 1024 + 1]) {
  test(`a length of ${size} is refused at once`, (t) => {
    const cutter = new PacketCutter();
    const head = Buffer.alloc(4);
    head.writeInt32BE(size);
    cutter.push(head);
    t.throws(() => cutter.next(), { instanceOf: RangeError });
  });
}
