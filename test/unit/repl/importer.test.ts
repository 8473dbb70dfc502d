// The importer alone: bounds of the puts under way, the order of rows of one key, and what it does when puts fail.

import test from 'ava';
import { formatBytes, toBytes, toHex } from '../../../common/base/bytes.ts';
import { realEnv } from '../../../common/base/env.ts';
import { type ErrorCode, RangekeeperError } from '../../../common/base/errors.ts';
import { Importer } from '../../../repl/transfer/importer.ts';
import { type Item, rowItem } from '../../../repl/transfer/item.ts';
import { Tally } from '../../../repl/transfer/tally.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { silentScreen, turn } from '../../support/repl-run.ts';

function importer(put: MemoryClient['put'], retryMsMax = 60_000) {
  const said: string[] = [];
  const screen = { ...silentScreen, say: (line: string) => said.push(line) };
  const tally = new Tally({ env: realEnv, screen, verb: 'imported' });
  const stop = new AbortController();
  const options = { env: realEnv, signal: stop.signal, retryMsMax };
  return { tally, said, stop, importer: new Importer({ put }, options, tally) };
}

async function* numbered(count: number, valueBytes = 1): AsyncIterableIterator<Item> {
  for (let i = 0; i < count; i++) yield rowItem(toBytes(`k${i}`), new Uint8Array(valueBytes), `line ${i}`);
}

for (const code of [
  'OUTCOME_UNKNOWN',
  'NO_OWNER',
  'READ_ONLY',
  'OVERLOADED',
  'NOT_READY',
  'UNREACHABLE',
  'DEADLINE',
] as const satisfies ErrorCode[]) {
  test(`an import goes on after ${code}`, async (t) => {
    const client = new MemoryClient();
    const failed = new Set<string>();
    client.beforeCall = ({ key }) => {
      const id = toHex(key ?? new Uint8Array(0));
      if (failed.has(id)) return;
      failed.add(id);
      throw new RangekeeperError(code, 'for now');
    };
    const { importer: running, tally } = importer(client.put.bind(client));
    await running.run(numbered(30));
    t.is(client.rows.length, 30);
    t.is(tally.rows, 30);
    t.is(tally.retried, 30);
  });
}

test('an import gives up at once if a retry cannot help', async (t) => {
  let puts = 0;
  const { importer: running } = importer(async () => {
    puts += 1;
    throw new RangekeeperError('UNKNOWN_NAMESPACE', 'no such namespace');
  });
  await t.throwsAsync(running.run(numbered(10_000)), { message: 'no such namespace' });
  t.true(puts <= 256);
});

test('an import gives up when the time for retries is over', async (t) => {
  const { importer: running, tally } = importer(async () => {
    throw new RangekeeperError('NO_OWNER', 'still none');
  }, 0);
  await t.throwsAsync(running.run(numbered(1)), { message: 'still none' });
  t.true(tally.retried >= 1);
  t.is(tally.rows, 0);
});

test('a row that the store refuses is counted, and the import goes on', async (t) => {
  const client = new MemoryClient();
  client.beforeCall = ({ key }) => {
    if (formatBytes(key ?? new Uint8Array(0)) === 'k3')
      throw new RangekeeperError('INVALID_ARGUMENT', 'not this one');
  };
  const { importer: running, tally } = importer(client.put.bind(client));
  await running.run(numbered(10));
  t.is(tally.rows, 9);
  t.deepEqual([...tally.refused], [['not this one', 1]]);
});

test('puts under way are bounded by number', async (t) => {
  let [inFlight, most] = [0, 0];
  const client = new MemoryClient();
  client.beforeCall = async () => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await turn();
    inFlight -= 1;
  };
  await importer(client.put.bind(client)).importer.run(numbered(2_000));
  t.is(client.rows.length, 2_000);
  t.is(most, 256);
});

test('puts under way are bounded by bytes', async (t) => {
  let [inFlight, most] = [0, 0];
  const client = new MemoryClient();
  client.beforeCall = async () => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await turn();
    inFlight -= 1;
  };
  await importer(client.put.bind(client)).importer.run(numbered(30, 1 << 20));
  t.is(most, 8);
});

test('rows of one key are written in their order, one at a time', async (t) => {
  const client = new MemoryClient();
  const values: string[] = [];
  client.beforeCall = async ({ value }) => {
    // Earlier puts take longer, so without order a later put would end first.
    for (let pause = Number(formatBytes(value ?? new Uint8Array(0))); pause < 5; pause++) await turn();
    values.push(formatBytes(value ?? new Uint8Array(0)));
  };
  async function* sameKey(): AsyncIterableIterator<Item> {
    for (let i = 0; i < 5; i++) yield rowItem(toBytes('k'), toBytes(String(i)), '');
  }
  await importer(client.put.bind(client)).importer.run(sameKey());
  t.deepEqual(values, ['0', '1', '2', '3', '4']);
});

test('Ctrl-C ends an import at once and says that it can be run again', async (t) => {
  const running = importer(() => new Promise(() => {}));
  const done = running.importer.run(numbered(1_000));
  realEnv.soon(() => running.stop.abort());
  await t.throwsAsync(done, { name: 'Interrupted', message: /run it again/ });
});

test('refusals after the first twenty are only counted', (t) => {
  const { tally, said } = importer(new MemoryClient().put);
  for (let i = 0; i < 50; i++) tally.refuse('no key', `line ${i}`);
  t.is(said.length, 21);
  t.is(tally.refusals, 50);
});
