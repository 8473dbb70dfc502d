// Which requests the webserver allows: a table of hosts and origins.

import test from 'ava';
import { Guard } from '../../../webserver/guard.ts';

interface Case {
  readonly host?: string;
  readonly origin?: string;
  readonly localAddress?: string;
  readonly allowed: boolean;
}

const checks = test.macro<[Case]>((t, { host, origin, localAddress, allowed }) => {
  const guard = new Guard(['0.0.0.0', 'Keeper.example']);
  t.is(guard.refusal({ host, origin, localAddress }) === null, allowed);
});

test('this machine by name', checks, { host: 'localhost:8080', allowed: true });
test('this machine by address', checks, { host: '127.0.0.1:8080', allowed: true });
test('this machine by IPv6 address', checks, { host: '[::1]:8080', allowed: true });
test('without a port', checks, { host: 'localhost', allowed: true });
test('an allowed name in any case', checks, { host: 'keeper.EXAMPLE:80', allowed: true });
test('the address that was reached', checks, {
  host: '10.1.2.3:8080',
  localAddress: '10.1.2.3',
  allowed: true,
});
test('the address that was reached, mapped into IPv6', checks, {
  host: '10.1.2.3:8080',
  localAddress: '::ffff:10.1.2.3',
  allowed: true,
});
test('the page itself', checks, { host: 'localhost:8080', origin: 'http://localhost:8080', allowed: true });
test('the page itself behind TLS', checks, {
  host: 'keeper.example',
  origin: 'https://keeper.example',
  allowed: true,
});

test('no host at all', checks, { allowed: false });
test('an empty host', checks, { host: '', allowed: false });
test('a foreign name', checks, { host: 'evil.example:8080', allowed: false });
test('a foreign name that resolves to our address', checks, {
  host: 'evil.example',
  localAddress: '127.0.0.1',
  allowed: false,
});
test('a name that begins with ours', checks, { host: 'localhost.evil.example', allowed: false });
test('a name after a user name', checks, { host: 'localhost@evil.example', allowed: false });
test('an address that was not reached', checks, {
  host: '10.9.9.9',
  localAddress: '10.1.2.3',
  allowed: false,
});
test('a foreign origin', checks, { host: 'localhost:8080', origin: 'http://evil.example', allowed: false });
test('another server on this machine', checks, {
  host: 'localhost:8080',
  origin: 'http://localhost:3000',
  allowed: false,
});
test('an origin with another of our names than the host', checks, {
  host: 'localhost:8080',
  origin: 'http://127.0.0.1:8080',
  allowed: false,
});
test('the origin of a sandboxed frame', checks, { host: 'localhost:8080', origin: 'null', allowed: false });
test('a malformed origin', checks, {
  host: 'localhost:8080',
  origin: 'http://localhost:8080/path',
  allowed: false,
});
