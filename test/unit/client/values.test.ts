// Values as text and JSON, and what the objects that carry them look like.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import test from 'ava';
import type { Client, KeyRow, TextForms } from '../../../client/api.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryClient } from '../../support/memory-client.ts';

type Settled = <T>(promise: Promise<T>) => Promise<T>;

const clients: Readonly<Record<string, () => Promise<readonly [Client, Settled]>>> = {
  'over a cluster': async () => {
    const cluster = new FakeCluster();
    return [await cluster.connect(), (promise) => cluster.env.until(promise)];
  },
  'in memory': async () => [new MemoryClient(), (promise) => promise],
};

async function valuesOf(client: Client, settled: Settled, value: string | Uint8Array): Promise<TextForms[]> {
  await settled(client.put('user/1', value));
  const found = await settled(client.get('user/1'));
  const page = await settled(client.scanPage());
  const rows: TextForms[] = [];
  const collect = async () => {
    for await (const row of client.scan()) rows.push(row);
  };
  await settled(collect());
  return [...(found === null ? [] : [found]), ...page.rows, ...rows];
}

function refusal(read: () => unknown): RangekeeperError {
  try {
    read();
  } catch (error) {
    if (error instanceof RangekeeperError) return error;
    throw error;
  }
  throw new Error('it was read');
}

for (const [where, open] of Object.entries(clients)) {
  test(`${where}: values as text and JSON`, async (t) => {
    const [client, settled] = await open();
    const values = await valuesOf(client, settled, '{"name":"ada \u{1f600}"}');
    t.is(values.length, 3);
    for (const value of values) {
      t.is(value.text(), '{"name":"ada \u{1f600}"}');
      t.is(value.json<{ name: string }>().name, 'ada \u{1f600}');
    }
  });

  test(`${where}: a value that is no JSON, or no text`, async (t) => {
    const [client, settled] = await open();
    for (const value of await valuesOf(client, settled, 'ada')) {
      const error = refusal(() => value.json());
      t.is(`${error.code}: ${error.message}`, 'INVALID_ARGUMENT: the value of user/1 is not JSON');
      t.true(error.cause instanceof SyntaxError);
    }
    for (const value of await valuesOf(client, settled, Uint8Array.of(0xff))) {
      t.is(refusal(() => value.text()).message, 'the value of user/1 is not UTF-8 text');
      t.is(refusal(() => value.json()).message, 'the value of user/1 is not UTF-8 text');
    }
  });

  test(`${where}: a value that is cut is text up to its last whole character, and no JSON`, async (t) => {
    const [client, settled] = await open();
    await settled(client.put('n', '123456'));
    await settled(client.put('u', 'a\u00e9\u{1f600}b'));
    const cut = async (valueBytesMax: number) => {
      const rows: KeyRow[] = [];
      const collect = async () => {
        for await (const row of client.scan({ valueBytesMax })) rows.push(row);
      };
      await settled(collect());
      return [...(await settled(client.scanPage({ valueBytesMax }))).rows, ...rows];
    };
    const texts = [
      '',
      'a',
      'a',
      'a\u00e9',
      'a\u00e9',
      'a\u00e9',
      'a\u00e9',
      'a\u00e9\u{1f600}',
      'a\u00e9\u{1f600}b',
    ];
    for (const [bytes, text] of texts.entries()) {
      const [number, letters, ...scanned] = await cut(bytes);
      t.is(scanned.length, 2);
      t.deepEqual([number?.text(), letters?.text()], ['123456'.slice(0, bytes), text]);
      t.deepEqual(
        scanned.map((row) => row.text()),
        ['123456'.slice(0, bytes), text],
      );
      if (bytes >= 6) t.is(number?.json(), 123456);
      else t.is(refusal(() => number?.json()).message, `the value of n is cut to ${bytes} of 6 bytes`);
    }
    await settled(client.put('u', Uint8Array.of(0x61, 0x80, 0x80, 0x80, 0x80, 0x62)));
    for (const row of (await cut(5)).filter(({ key }) => key[0] === 'u'.charCodeAt(0)))
      t.is(refusal(() => row.text()).message, 'the value of u is not UTF-8 text');
  });

  test(`${where}: answers look like plain objects`, async (t) => {
    const [client, settled] = await open();
    const values = await valuesOf(client, settled, 'v');
    for (const value of values) {
      t.deepEqual(value, { ...value });
      assert.deepEqual({ ...value }, { ...value });
      t.regex(inspect(value), /^\{\n? +(key|value): /);
      t.false(Object.keys(value).includes('text'));
    }
    t.deepEqual(Object.keys(values[0] ?? {}), [
      'value',
      'revision',
      'stale',
      'staleMs',
      'range',
      'epoch',
      'node',
    ]);
  });
}
