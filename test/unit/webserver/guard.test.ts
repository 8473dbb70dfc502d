// Whom the webserver answers: a table of hosts and origins.

import test from 'ava';
import { Guard } from '../../../webserver/guard.ts';

interface Case {
  readonly host?: string;
  readonly origin?: string;
  readonly localAddress?: string;
  readonly welcome: boolean;
}

const asked = test.macro<[Case]>((t, { host, origin, localAddress, welcome }) => {
  const guard = new Guard(['0.0.0.0', 'Keeper.example']);
  t.is(guard.refusal({ host, origin, localAddress }) === null, welcome);
});

test('this machine by name', asked, { host: 'localhost:8080', welcome: true });
test('this machine by address', asked, { host: '127.0.0.1:8080', welcome: true });
test('this machine by IPv6 address', asked, { host: '[::1]:8080', welcome: true });
test('without a port', asked, { host: 'localhost', welcome: true });
test('an allowed name in any case', asked, { host: 'keeper.EXAMPLE:80', welcome: true });
test('the address that was reached', asked, {
  host: '10.1.2.3:8080',
  localAddress: '10.1.2.3',
  welcome: true,
});
test('the address that was reached, mapped into IPv6', asked, {
  host: '10.1.2.3:8080',
  localAddress: '::ffff:10.1.2.3',
  welcome: true,
});
test('the page itself', asked, { host: 'localhost:8080', origin: 'http://localhost:8080', welcome: true });
test('the page itself behind TLS', asked, {
  host: 'keeper.example',
  origin: 'https://keeper.example',
  welcome: true,
});

test('no host at all', asked, { welcome: false });
test('an empty host', asked, { host: '', welcome: false });
test('a foreign name', asked, { host: 'evil.example:8080', welcome: false });
test('a foreign name that was made to resolve to us', asked, {
  host: 'evil.example',
  localAddress: '127.0.0.1',
  welcome: false,
});
test('a name that only begins like ours', asked, { host: 'localhost.evil.example', welcome: false });
test('a name behind a user name', asked, { host: 'localhost@evil.example', welcome: false });
test('an address that was not reached', asked, {
  host: '10.9.9.9',
  localAddress: '10.1.2.3',
  welcome: false,
});
test('a foreign origin', asked, { host: 'localhost:8080', origin: 'http://evil.example', welcome: false });
test('another server on this machine', asked, {
  host: 'localhost:8080',
  origin: 'http://localhost:3000',
  welcome: false,
});
test('another name of ours than the host', asked, {
  host: 'localhost:8080',
  origin: 'http://127.0.0.1:8080',
  welcome: false,
});
test('the origin of a sandboxed frame', asked, { host: 'localhost:8080', origin: 'null', welcome: false });
test('an origin that is none', asked, {
  host: 'localhost:8080',
  origin: 'http://localhost:8080/path',
  welcome: false,
});
