// Where commands come from, and when a run stops: -e, -f, piped input, signals, and a reader that closes stdout.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { runRepl } from '../../../repl/repl.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { runTexts, turn } from '../../support/repl-run.ts';

const INPUT = { kind: 'input' } as const;

test('several -e run in order and stop at the first that fails', async (t) => {
  const client = new MemoryClient();
  const result = await runTexts(client, ['put a 1', 'get x; put b 2', 'put c 3']);
  t.is(result.code, 3);
  t.deepEqual(
    client.rows.map(({ key }) => Buffer.from(key).toString()),
    ['a'],
  );
  t.true(client.closed);
});

test('with --keep-going all commands run, and the exit code is that of the first failure', async (t) => {
  const client = new MemoryClient();
  const result = await runTexts(client, ['get x', 'cas a 9 1', 'put c 3'], { keepGoing: true });
  t.is(result.code, 3);
  t.is(client.rows.length, 1);
});

test('no -e command runs if the form of one is wrong', async (t) => {
  const client = new MemoryClient();
  const result = await runTexts(client, ['put a 1', 'put b']);
  t.is(result.code, 64);
  t.is(client.rows.length, 0);
});

test('piped input: errors name the line, quotes may span lines, comments and CRLF are fine', async (t) => {
  const client = new MemoryClient();
  const stdin = '\uFEFF# start\r\nput a "1\n2"; put b 2\r\n\nget a\nget x\nput c 3\n';
  const result = await runTexts(client, [], { mode: INPUT, stdin });
  t.is(result.code, 3);
  t.is(result.out, 'ok, revision 1\nok, revision 2\n1\n2\n');
  t.is(client.rows.length, 2);
});

const badInput = test.macro({
  async exec(t, stdin: string | Uint8Array, err: RegExp) {
    const result = await runTexts(new MemoryClient(), [], { mode: INPUT, stdin });
    t.is(result.code, 64);
    t.regex(result.err, err);
  },
  title: (title) => `piped input: ${title}`,
});

test(
  'an unknown command names its line',
  badInput,
  'put a 1\n\nfrob\n',
  /^stdin:3: there is no command frob/,
);
test(
  'bytes that are not UTF-8 are refused, not changed',
  badInput,
  Buffer.from([0x70, 0xff, 0x0a]),
  /^stdin:1: not UTF-8/,
);
test(
  'a quote that is never closed',
  badInput,
  'put a 1\nput b "2\n',
  /^stdin:2: a quote or a bracket is not closed/,
);
test(
  'a command without end is not kept in memory',
  badInput,
  `put a "${'x'.repeat(9 << 20)}`,
  /^stdin:1: command too long/,
);

test('-f reads a file; a missing file is a failure', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rk-repl-'));
  const path = join(directory, 'commands');
  await writeFile(path, 'put a 1\nget a');
  const good = await runTexts(new MemoryClient(), [], { mode: { kind: 'file', path } });
  t.is(good.code, 0);
  t.is(good.out, 'ok, revision 1\n1\n');
  const missing = await runTexts(new MemoryClient(), [], { mode: { kind: 'file', path: `${path}-` } });
  t.is(missing.code, 1);
  t.regex(missing.err, /ENOENT/);
});

const wrongFile = test.macro({
  async exec(t, content: string | Uint8Array, says: readonly string[], keepGoing: boolean) {
    const path = join(await mkdtemp(join(tmpdir(), 'rk-repl-')), 'commands');
    await writeFile(path, content);
    const client = new MemoryClient();
    const result = await runTexts(client, [], { mode: { kind: 'file', path }, keepGoing });
    t.deepEqual({ code: result.code, out: result.out, rows: client.rows }, { code: 64, out: '', rows: [] });
    const lines = result.err.split('\n').filter((line) => line !== '' && !line.startsWith('usage:'));
    t.deepEqual(lines, [...says.map((line) => `${path}:${line}`), 'no command was run']);
  },
  title: (title) => `-f, none runs: ${title}`,
});

test(
  'each command of a wrong form',
  wrongFile,
  'put a 1\n\nput b\nget a; export --tree d x\n',
  ['3: put: VALUE is missing', '4: --tree does not go with FILE or --format'],
  false,
);
test('also with --keep-going', wrongFile, 'put a 1\nget\n', ['2: get: KEY is missing'], true);
test(
  'a quote that is not closed',
  wrongFile,
  'put a 1\nput b "2\n',
  ['2: a quote or a bracket is not closed'],
  false,
);
test(
  'import without its file',
  wrongFile,
  'put a 1\nimport\n',
  ['2: import: give FILE, - or --tree DIR'],
  false,
);
test(
  'UTF-16',
  wrongFile,
  Buffer.from('\uFEFFput a 1\n', 'utf16le'),
  ['1: UTF-16 or UTF-32 text: save the file as UTF-8'],
  false,
);

const failing = test.macro({
  async exec(t, first: string, says: string) {
    const directory = await mkdtemp(join(tmpdir(), 'rk-repl-'));
    const path = join(directory, 'commands');
    await writeFile(path, `${first.replace('DIR', directory)}\nput b 2\n`);
    for (const keepGoing of [true, false]) {
      for (const mode of [{ kind: 'file', path }, INPUT] as const) {
        const client = new MemoryClient();
        // As with a real cluster, connecting takes a while.
        const connect = async () => {
          for (let i = 0; i < 20; i++) await turn();
          return client;
        };
        const stdin = await readFile(path);
        const result = await runTexts(client, [], { mode, stdin, keepGoing, connect });
        t.is(result.code, 1);
        t.is(client.rows.length, keepGoing ? 1 : 0);
        const name = mode.kind === 'file' ? path : 'stdin';
        t.true(result.err.includes(`${name}:1: ${says.replace('DIR', directory)}\n`), result.err);
      }
    }
  },
  title: (_, first) => `only its own command fails, and --keep-going goes on: ${first}`,
});

test(failing, 'import DIR/nosuch.csv', 'DIR/nosuch.csv: no such file or directory (ENOENT)');
test(failing, 'import DIR', 'DIR is a directory: import --tree reads it');
test(failing, 'import --tree DIR/nosuch', 'DIR/nosuch: no such file or directory (ENOENT)');
test(failing, 'import "DIR/a\\x1b.csv"', 'DIR/a\\x1b.csv: no such file or directory (ENOENT)');
test(failing, 'export DIR/no/x.csv', 'DIR/no/x.csv: no such file or directory (ENOENT)');
test(failing, 'export DIR', 'DIR is a directory: export --tree writes a file for each key');
test(failing, 'export --tree DIR/commands', 'DIR/commands is not a directory');

test('import - inside piped commands is refused: both would read the same input', async (t) => {
  const result = await runTexts(new MemoryClient(), [], { mode: INPUT, stdin: 'import -\n' });
  t.is(result.code, 64);
});

test('without a cluster the exit code is 2', async (t) => {
  const connect = async () => {
    throw new RangekeeperError('NO_CLUSTER', 'ZooKeeper does not answer at 127.0.0.1:1');
  };
  const result = await runTexts(new MemoryClient(), ['put a 1'], { connect });
  t.is(result.code, 2);
  t.is(result.err, 'NO_CLUSTER: ZooKeeper does not answer at 127.0.0.1:1\n');
});

test('a signal while a put waits: exit code 130, and a line says that the outcome is not known', async (t) => {
  const client = new MemoryClient();
  const stop = new AbortController();
  client.beforeCall = () => {
    stop.abort();
    return new Promise(() => {});
  };
  const result = await runTexts(client, ['put a 1', 'put b 2'], { signal: stop.signal, keepGoing: true });
  t.is(result.code, 130);
  t.is(result.err, 'interrupted: the write may still be applied\n');
  t.true(client.closed);
});

test('a signal during a scan: the rows so far are shown, and the exit code is 130', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 250; i++) await client.put(`k${String(i).padStart(3, '0')}`, '');
  const stop = new AbortController();
  let pages = 0;
  client.beforeCall = () => {
    pages += 1;
    if (pages < 3) return;
    stop.abort();
    return new Promise(() => {});
  };
  const result = await runTexts(client, ['scan --keys'], { signal: stop.signal });
  t.is(result.code, 130);
});

test('a reader that closes stdout ends the run, even if commands are left', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 1_000; i++) await client.put(`k${i}`, 'x'.repeat(1_000));
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  const stderr = new PassThrough();
  const code = await runRepl(
    {
      mode: { kind: 'texts', texts: ['scan', 'put never 1'] },
      namespace: 'default',
      output: 'ndjson',
      keepGoing: true,
    },
    {
      env: realEnv,
      stdin: new PassThrough(),
      stdout,
      stderr,
      signal: new AbortController().signal,
      connect: async () => client,
    },
  );
  t.is(code, 141, 'as a shell reports a program that SIGPIPE has ended');
  t.is(stderr.read(), null, 'nothing is said');
  t.is(client.rows.length, 1_000);
});

test('a scan waits for a slow reader instead of filling memory', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 2_000; i++) await client.put(`k${i}`, 'x'.repeat(1_000));
  let pages = 0;
  client.beforeCall = () => {
    pages += 1;
  };
  let release: () => void = () => {};
  const firstChunk = new Promise<void>((seen) => {
    const stdout = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        release = done;
        seen();
      },
    });
    void runRepl(
      {
        mode: { kind: 'texts', texts: ['scan'] },
        namespace: 'default',
        output: 'ndjson',
        keepGoing: false,
      },
      {
        env: realEnv,
        stdin: new PassThrough(),
        stdout,
        stderr: new PassThrough(),
        signal: new AbortController().signal,
        connect: async () => client,
      },
    );
  });
  await firstChunk;
  for (let i = 0; i < 50; i++) await turn();
  t.is(pages, 1);
  release();
});
