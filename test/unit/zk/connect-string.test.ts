// Valid and invalid connect strings.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import {
  type ConnectString,
  formatConnectString,
  parseConnectString,
} from '../../../common/model/connect-string.ts';

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
  [' h:1/r ', { servers: [{ host: 'h', port: 1 }], root: '/r' }],
  ['[::1]:5', { servers: [{ host: '::1', port: 5 }], root: '' }],
];

for (const [text, parsed] of good) {
  test(`${text} is accepted`, (t) => {
    t.deepEqual(parseConnectString(text), parsed);
  });
}

for (const [text, parsed] of good) {
  test(`${text} is the same after it was formatted`, (t) => {
    t.deepEqual(parseConnectString(formatConnectString(parsed)), parsed);
  });
}

const bad: readonly (readonly [text: string, reason: RegExp])[] = [
  ['', /a server is missing/],
  [',', /a server is missing/],
  ['a,,b', /a server is missing beside a comma/],
  ['a:1, ,b:2', /a server is missing beside a comma/],
  ['a:1,/r', /a server is missing beside a comma, or before the root/],
  ['/root', /a server is missing/],
  ['a:1,b:0', /the port of "b:0" is not from 1 to 65535/],
  ['a:65536,b:2', /the port of "a:65536" is not from 1 to 65535/],
  ['a:123456', /the port of "a:123456" is not from 1 to 65535/],
  ['a:b', /"a:b" is not host:port/],
  ['::1', /"::1" is not host:port/],
  ['[::1', /"\[::1" is not host:port/],
  ['a b:1,c:2', /"a b:1" is not host:port/],
  ['a:1;b:2', /"a:1;b:2" is not host:port/],
  ['a:1//r', /"\/\/r" is not a path/],
  ['a/r//s', /"\/r\/\/s" is not a path/],
  ['a/../r', /is not a path/],
  ['a/half \ud83d', /"\/half \\ud83d" is not a path/],
  ['a/pair \u{1f600}', /is not a path/],
  ['a/escape \x1b[31m', /"\/escape \\u001b\[31m" is not a path/],
  ['a/control \x9b', /is not a path/],
  ['a/private \ue000', /is not a path/],
  ['h1:2181/a,h2:2181/a', /the root stands once, after the last server: h1:2181,h2:2181\/a \(/],
  ['h1:2181/,h2:2181/a', /the root stands once, after the last server: h1:2181,h2:2181\/a \(/],
  ['h1/a, h2/a, h3/a', /the root stands once, after the last server: h1,h2,h3\/a \(/],
];

for (const [text, reason] of bad) {
  test(`${JSON.stringify(text)} is refused in one line that names the part`, (t) => {
    const error = t.throws(() => parseConnectString(text), { instanceOf: RangekeeperError });
    t.is(error?.code, 'INVALID_ARGUMENT');
    t.true(error?.message.includes(JSON.stringify(text)));
    t.regex(error?.message ?? '', reason);
    t.notRegex(error?.message ?? '', /\n/);
  });
}
