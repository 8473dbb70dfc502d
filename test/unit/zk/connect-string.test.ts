// Valid and invalid connect strings.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { type ConnectString, parseConnectString } from '../../../common/model/connect-string.ts';

const good: readonly (readonly [text: string, parsed: ConnectString])[] = [
  ['localhost', { servers: [{ host: 'localhost', port: 2181 }], root: '' }],
  ['a.example:2182', { servers: [{ host: 'a.example', port: 2182 }], root: '' }],
  ['a:1/', { servers: [{ host: 'a', port: 1 }], root: '' }],
  ['a:1/r', { servers: [{ host: 'a', port: 1 }], root: '/r' }],
  ['a:1/r/s/', { servers: [{ host: 'a', port: 1 }], root: '/r/s' }],
  [
    'a:1, b:2,c/r',
    {
      servers: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
        { host: 'c', port: 2181 },
      ],
      root: '/r',
    },
  ],
  ['[::1]:5', { servers: [{ host: '::1', port: 5 }], root: '' }],
];

for (const [text, parsed] of good) {
  test(`${text} is accepted`, (t) => {
    t.deepEqual(parseConnectString(text), parsed);
  });
}

for (const text of [
  '',
  ',',
  'a,,b',
  '/root',
  'a:0',
  'a:65536',
  'a:b',
  '::1',
  'a b:1',
  'a//r',
  'a/r//s',
  'a/../r',
]) {
  test(`${JSON.stringify(text)} is refused`, (t) => {
    const error = t.throws(() => parseConnectString(text), { instanceOf: RangekeeperError });
    t.is(error?.code, 'INVALID_ARGUMENT');
    t.true(error?.message.includes(JSON.stringify(text)));
  });
}
