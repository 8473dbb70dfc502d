// Addresses: which texts are one, which are not, and that every address can be dialled.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { formatAddress, isReachable, parseAddress, readAddress } from '../../../common/model/address.ts';

const good: readonly (readonly [text: string, host: string, port: number])[] = [
  ['127.0.0.1:7400', '127.0.0.1', 7400],
  ['node-4.example:0', 'node-4.example', 0],
  ['n_1:65535', 'n_1', 65_535],
  ['a.:1', 'a.', 1],
  ['[::1]:7400', '::1', 7400],
  ['[fe80::1:2]:1', 'fe80::1:2', 1],
  ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1],
];

for (const [text, host, port] of good) {
  test(`${text} is an address, also for a URL`, (t) => {
    t.deepEqual(parseAddress(text), { host, port });
    t.is(formatAddress(host, port), text);
    t.notThrows(() => new URL(`ws://${text}/`));
  });
}

const bad: readonly string[] = [
  ...[
    '',
    ':',
    ':80',
    'a',
    'a:',
    'a:b',
    'a:65536',
    'a:-1',
    'a:1:2',
    'a b:1',
    'a/b:1',
    'a@b:1',
    'a#b:1',
    'a?b:1',
    'a%41:1',
  ],
  ...[
    'node.4:7400',
    '1.2.3.4.5:1',
    '999.1.1.1:1',
    'xn--:1',
    '-a:1',
    'a-:1',
    `${'a'.repeat(254)}:1`,
    'ä:1',
    'a\n:1',
  ],
  ...[
    '::1:80',
    '[::1]',
    '[]:1',
    '[a]:1',
    '[127.0.0.1]:1',
    '[::1%lo]:1',
    '[::1:1',
    '[:::1]:1',
    '[1:2:3:4:5:6:7:8:9]:1',
  ],
];

for (const text of bad) {
  test(`${JSON.stringify(text)} is not an address`, (t) => {
    const error = t.throws(() => parseAddress(text), { instanceOf: RangekeeperError });
    t.is(error.code, 'INVALID_ARGUMENT');
    t.false(error.message.includes('\n'));
  });
}

test('the default port is used only if the port is missing', (t) => {
  t.deepEqual(readAddress('a', 5), { host: 'a', port: 5 });
  t.deepEqual(readAddress('a:6', 5), { host: 'a', port: 6 });
  t.is(readAddress('a:', 5), null);
});

for (const text of ['0.0.0.0:1', '0:1', '[::]:1', '[0:0::]:1', '[::ffff:0.0.0.0]:1', 'a:0']) {
  test(`others cannot connect to ${text}`, (t) => {
    t.false(isReachable(parseAddress(text)));
  });
}
