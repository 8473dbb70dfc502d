// Amounts of bytes as people write them.

import test from 'ava';
import { formatByteSize, parseByteSize } from '../../../common/base/byte-size.ts';

const MIB = 1024 * 1024;

const reads = test.macro({
  exec: (t, text: string, bytes: number | null) => t.is(parseByteSize(text), bytes),
  title: (_, text: string, bytes) => `${JSON.stringify(text)} is ${bytes}`,
});

test(reads, '268435456', 256 * MIB);
test(reads, '512MB', 512_000_000);
test(reads, '512MiB', 512 * MIB);
test(reads, '512m', 512 * MIB);
test(reads, ' 512 mb ', 512_000_000);
test(reads, '1GiB', 1024 * MIB);
test(reads, '1.5g', 1536 * MIB);
test(reads, '2kB', 2_000);
test(reads, '7b', 7);
test(reads, '', null);
test(reads, 'MB', null);
test(reads, '-1', null);
test(reads, '1e9', null);
test(reads, '0x10', null);
test(reads, '12parsecs', null);
test(reads, '1..5g', null);
test(reads, '999999999999999TB', null);

const shows = test.macro({
  exec: (t, bytes: number, text: string) => t.is(formatByteSize(bytes), text),
  title: (_, bytes: number, text) => `${bytes} is shown as ${text}`,
});

test(shows, 0, '0 B');
test(shows, 1023, '1023 B');
test(shows, 256 * MIB, '256 MiB');
test(shows, 256_000_000, '244.1 MiB');
test(shows, 3 * 1024 * MIB, '3 GiB');
