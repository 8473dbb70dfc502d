// The prompt, over streams that behave like a terminal: history, Tab, Ctrl-C, Ctrl-D, lines typed ahead.

import { access, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { complete } from '../../../repl/completion.ts';
import { historyPath, loadHistory, saveToHistory } from '../../../repl/history.ts';
import { runRepl } from '../../../repl/repl.ts';
import type { Session } from '../../../repl/session.ts';
import { VERBS } from '../../../repl/verbs/verbs.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { gather, silentScreen } from '../../support/repl-run.ts';

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const TAB = '\t';
const UP = '\x1b[A';

class Terminal {
  readonly client = new MemoryClient();
  readonly stop = new AbortController();
  readonly code: Promise<number>;
  readonly answers: Promise<Buffer>;
  /** Everything that was drawn, including prompts. */
  screen = '';
  readonly #stdin = new PassThrough();
  readonly #waiting: { readonly text: string; readonly from: number; readonly seen: () => void }[] = [];

  constructor(history: string | null = null) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    stderr.on('data', (chunk) => {
      this.screen += String(chunk);
      for (const { text, from, seen } of this.#waiting) if (this.screen.includes(text, from)) seen();
    });
    this.answers = gather(stdout);
    this.code = runRepl(
      {
        mode: { kind: 'interactive', historyPath: history },
        namespace: 'default',
        output: 'table',
        keepGoing: false,
      },
      {
        env: realEnv,
        stdin: this.#stdin,
        stdout,
        stderr,
        signal: this.stop.signal,
        connect: async () => this.client,
      },
    ).finally(() => stdout.end());
  }

  /** Types, and waits until `text` is drawn after it. */
  async type(keys: string, text: string): Promise<void> {
    const from = this.screen.length;
    const seen = new Promise<void>((resolve) => this.#waiting.push({ text, from, seen: resolve }));
    this.#stdin.write(keys);
    await seen;
  }

  /** Waits until `text` was drawn. */
  async sees(text: string): Promise<void> {
    if (this.screen.includes(text)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ text, from: 0, seen: resolve }));
  }

  typeOnly(keys: string): void {
    this.#stdin.write(keys);
  }

  /** Ends the session and checks how it ended. */
  async ends(t: ExecutionContext, code: number, answers: string): Promise<void> {
    t.is(await this.code, code);
    t.is((await this.answers).toString(), answers);
    t.true(this.client.closed);
  }
}

test('a session: answers on stdout, prompt and remarks on stderr, Ctrl-D leaves with 0', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  await terminal.type('put a 1\n', 'range 1, epoch 1');
  await terminal.type('get a\n', 'revision 1');
  await terminal.type('get x\n', 'not found: x');
  await terminal.type('frob\n', 'there is no command frob');
  terminal.typeOnly(CTRL_D);
  await terminal.ends(t, 0, 'ok, revision 1\n1\n');
});

test('exit leaves with 0, also after a failure', async (t) => {
  const terminal = new Terminal();
  terminal.typeOnly('get x\nexit\nput never 1\n');
  await terminal.ends(t, 0, '');
  t.is(terminal.client.rows.length, 0);
});

test('lines typed ahead run in order; after a failure inside a line the rest of it does not run', async (t) => {
  const terminal = new Terminal();
  terminal.typeOnly('put a 1; get x; put never 1\nput b 2\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\nok, revision 2\n');
});

test('an open quote goes on in the next line', async (t) => {
  const terminal = new Terminal();
  await terminal.type('put a "1\n', '... ');
  await terminal.type('2"\n', 'range 1');
  terminal.typeOnly('get a\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n1\n2\n');
});

test('Ctrl-C discards the line, also with an open quote', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  await terminal.type('put never 1', 'put never 1');
  await terminal.type(CTRL_C, 'default> ');
  await terminal.type('put never "1\n', '... ');
  await terminal.type(CTRL_C, 'default> ');
  terminal.typeOnly('put a 1\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
  t.is(terminal.client.rows.length, 1);
});

test('Ctrl-C twice on an empty line leaves with 130, unless something is typed in between', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  await terminal.type(CTRL_C, 'Ctrl-C again');
  await terminal.type('count\n', 'default> ');
  await terminal.type(CTRL_C, 'Ctrl-C again');
  terminal.typeOnly(CTRL_C);
  await terminal.ends(t, 130, '0\n');
});

test('Ctrl-C stops the running command, and the session goes on', async (t) => {
  const terminal = new Terminal();
  const asked = new Promise<void>((resolve) => {
    terminal.client.beforeCall = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  terminal.typeOnly('put a 1\n');
  await asked;
  terminal.client.beforeCall = () => {};
  await terminal.type(CTRL_C, 'interrupted: the write may still be applied');
  terminal.typeOnly('put b 2\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
});

test('a signal to stop ends the session with 130', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  terminal.stop.abort();
  await terminal.ends(t, 130, '');
});

test('Tab completes verbs and keys of the cluster in the line', async (t) => {
  const terminal = new Terminal();
  await terminal.client.put('user/ada', '1');
  await terminal.sees('default> ');
  await terminal.type(`ge${TAB}`, 't ');
  await terminal.type(`us${TAB}`, 'er/ada ');
  await terminal.type('\n', 'revision 1');
  terminal.typeOnly('exit\n');
  await terminal.ends(t, 0, '1\n');
});

async function newPath(...names: string[]): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'rk-repl-')), ...names);
}

test('history is kept for the next session, and only the user can read it', async (t) => {
  const path = await newPath('state', 'history');
  const first = new Terminal(path);
  first.typeOnly('put a 1\n\nexit\n');
  await first.ends(t, 0, 'ok, revision 1\n');
  t.is(await readFile(path, 'utf8'), 'put a 1\nexit\n');
  t.is((await stat(path)).mode & 0o777, 0o600);
  const second = new Terminal(path);
  await second.sees('default> ');
  await second.type(`${UP}${UP}`, 'put a 1');
  second.typeOnly('\nexit\n');
  await second.ends(t, 0, 'ok, revision 1\n');
});

test('it is not an error if the history cannot be written', async (t) => {
  const file = await newPath('file');
  await writeFile(file, '');
  const terminal = new Terminal(join(file, 'below'));
  terminal.typeOnly('put a 1\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
  t.notRegex(terminal.screen, /ENOTDIR/);
});

test('history: where it is kept, and that its size is bounded', async (t) => {
  t.is(historyPath({ XDG_STATE_HOME: '/s' }), '/s/rangekeeper/history');
  t.regex(historyPath({}) ?? '', /\/\.rangekeeper_history$/);
  const path = await newPath('history');
  await writeFile(path, Array.from({ length: 2_001 }, (_, i) => `get ${i}\n`).join(''));
  const lines = await loadHistory(path);
  t.is(lines.length, 1_000);
  t.is(lines[0], 'get 2000');
  t.is((await readFile(path, 'utf8')).split('\n').length, 1_001);
  await saveToHistory(path, 'get last');
  t.is((await loadHistory(path))[0], 'get last');
  await t.throwsAsync(access(`${path}.${process.pid}`));
});

function session(client: MemoryClient): Session {
  return {
    env: realEnv,
    screen: silentScreen,
    format: 'table',
    verbs: VERBS,
    interactive: true,
    pager: null,
    input: null,
    client: async () => client,
  };
}

const completes = test.macro({
  async exec(t, line: string, candidates: string[], replaced: string) {
    const client = new MemoryClient();
    for (const key of ['a b', 'user/ada', 'user/bob', 'x\xff', new Uint8Array([0xfe]), '--odd'])
      await client.put(key, '1');
    t.deepEqual(await complete(session(client), line), [candidates, replaced]);
  },
  title: (_, line) => `completes ${JSON.stringify(line)}`,
});

test(completes, 'sc', ['scan '], 'sc');
test(completes, 'put a 1; co', ['count '], 'co');
test(completes, 'frob x', [], 'x');
test(completes, 'get us', ['user/ada', 'user/bob'], 'us');
test(completes, 'get user/b', ['user/bob '], 'user/b');
test(completes, 'get a', ['"a b" '], 'a');
test(completes, 'get "us', ['"user/ada"', '"user/bob"'], '"us');
test(completes, 'get "a ', ['"a b" '], '"a ');
test(completes, 'get \\xfe', ['\\xfe '], '\\xfe');
test(completes, 'get \\xf', [], '\\xf');
test(completes, 'get "--', ['"--odd" '], '"--');
test(completes, 'put user/ada ', [], '');
test(completes, 'get x --re', ['--read '], '--re');
test(completes, 'SC', ['scan '], 'SC');
test(completes, 'HELP St', ['status '], 'St');
test(completes, 'put j {"a": "us', [], '{"a": "us');
test(completes, 'put j {"a": 1} --if', ['--if-revision '], '--if');
test(completes, "put it's us", [], "put it's us");
test(completes, 'get --read ', ['linearizable', 'fallback', 'stale'], '');
test(completes, 'get --read f', ['fallback '], 'f');
test(completes, 'get --read stale us', ['user/ada', 'user/bob'], 'us');
test(completes, 'scan --prefix user/a', ['user/ada '], 'user/a');
test(completes, 'scan --reverse --k', ['--keys '], '--k');
test(completes, 'scan --keys --re', ['--reverse', '--read'], '--re');
test(completes, 'help st', ['status '], 'st');

test('if there are too many keys to show, their common prefix is still right', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 150; i++) await client.put(`user/a${i}`, '');
  await client.put('user/z', '');
  const [candidates] = await complete(session(client), 'get u');
  t.is(candidates.length, 101);
  t.is(candidates.at(-1), 'user/z');
});

test('a cluster that does not answer completes to nothing', async (t) => {
  const client = new MemoryClient();
  client.beforeCall = () => new Promise(() => {});
  t.deepEqual(await complete(session(client), 'get u'), [[], 'u']);
});
