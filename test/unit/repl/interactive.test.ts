// The prompt, over streams that behave like a terminal: history, Tab, Ctrl-C, Ctrl-D, lines typed ahead.

import { access, chmod, lstat, mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { historyPath, loadHistory, saveToHistory } from '../../../repl/history.ts';
import { runRepl } from '../../../repl/repl.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { gather, turn } from '../../support/repl-run.ts';

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

  /** @param rows the height of the terminal; null: stdout is none */
  constructor(history: string | null = null, rows: number | null = null) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    if (rows !== null) {
      Object.assign(this.#stdin, { isTTY: true });
      Object.assign(stdout, { isTTY: true, columns: 80, rows });
    }
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

test('a line typed ahead is shown again before its own answer', async (t) => {
  const terminal = new Terminal();
  terminal.typeOnly('get x\nput a "1\n2"\nget y\n');
  await terminal.sees('not found: y');
  const answers = terminal.screen.slice(terminal.screen.indexOf('not found: x'));
  t.is(
    answers,
    'not found: x\ndefault> put a "1\n... 2"\nrange 1, epoch 1, n-1\ndefault> get y\nnot found: y\n',
  );
  terminal.typeOnly('exit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
});

test('an open quote goes on in the next line', async (t) => {
  const terminal = new Terminal();
  await terminal.type('put a "1\n', '... ');
  await terminal.type('2"\n', 'range 1');
  terminal.typeOnly('get a\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n1\n2\n');
});

test('JSON of several lines is one value, exactly as it was typed', async (t) => {
  const terminal = new Terminal();
  await terminal.type('put a {\n', '... ');
  await terminal.type('  "b": "it\'s"\n', '... ');
  await terminal.type('}\n', 'range 1');
  terminal.typeOnly('get a\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n{\n  "b": "it\'s"\n}\n');
});

test('a quote inside a word is refused at once, and the next line is a command of its own', async (t) => {
  const terminal = new Terminal();
  await terminal.type("put a it's\n", 'quotes go around a whole word');
  terminal.typeOnly('count\nexit\n');
  await terminal.ends(t, 0, '0\n');
});

test('Tab inside a value of several lines completes nothing, and behind it the options', async (t) => {
  const terminal = new Terminal();
  await terminal.type('put a {\n', '... ');
  await terminal.type('"ge', '"ge');
  terminal.typeOnly(TAB);
  await terminal.type('": 1\n', '... ');
  await terminal.type('} --if', '--if');
  await terminal.type(TAB, '-revision ');
  await terminal.type('0\n', 'range 1');
  terminal.typeOnly('get a\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n{\n"ge": 1\n}\n');
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

test('the prompt shows the namespace that is in use', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  await terminal.type('namespace create orders\n', 'use orders works in it');
  await terminal.type('use nope\n', 'To make it: namespace create nope');
  await terminal.type(`use or${TAB}`, 'ders ');
  await terminal.type('\n', 'orders> ');
  await terminal.type('put a 1\n', 'orders> ');
  await terminal.type('use default\n', 'default> ');
  terminal.typeOnly('get a\nexit\n');
  const made = 'namespace orders is made: 1 range with 3 replicas each, at least 2 in-sync for writes\n';
  await terminal.ends(t, 0, `${made}ok, revision 1\n`);
});

test('`use` that is interrupted changes nothing, even if the answer comes later', async (t) => {
  const terminal = new Terminal();
  await terminal.client.createNamespace('orders');
  let answer: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    terminal.client.beforeCall = ({ method }) => {
      if (method !== 'inNamespace') return;
      resolve();
      return new Promise((later) => {
        answer = later;
      });
    };
  });
  terminal.typeOnly('use orders\n');
  await asked;
  await terminal.type(CTRL_C, 'interrupted');
  answer();
  await turn();
  await terminal.type('put a 1\n', 'default> ');
  terminal.typeOnly('exit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
  t.is(terminal.client.rows.length, 1);
  t.deepEqual(
    [...terminal.client.others.values()].map(({ closed }) => closed),
    [true],
  );
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

test('a command of several lines comes back whole, in the same session and in the next one', async (t) => {
  const path = await newPath('history');
  const command = 'put a "1\n\n  2"';
  const first = new Terminal(path);
  await first.type(`count\n${command}\n`, 'range 1');
  await first.type(UP, '  2"');
  await first.type('\n', 'range 1');
  first.typeOnly('get a\nexit\n');
  await first.ends(t, 0, '0\nok, revision 1\nok, revision 2\n1\n\n  2\n');
  t.deepEqual(await loadHistory(path), ['exit', 'get a', command, command, 'count']);
  const second = new Terminal(path);
  await second.sees('default> ');
  await second.type(`${UP}${UP}${UP}`, '  2"');
  second.typeOnly('\nget a\nexit\n');
  await second.ends(t, 0, 'ok, revision 1\n1\n\n  2\n');
});

test('an existing history that others can read becomes private, read or written; a device stays as it is', async (t) => {
  const path = await newPath('history');
  await writeFile(path, 'get old\n', { mode: 0o644 });
  const mode = async () => (await stat(path)).mode & 0o777;
  await chmod(path, 0o644);
  t.deepEqual(await loadHistory(path), ['get old']);
  t.is(await mode(), 0o600, 'when a session begins');
  await chmod(path, 0o644);
  await saveToHistory(path, 'get new');
  t.is(await mode(), 0o600, 'at each input');
  t.deepEqual(await loadHistory(path), ['get new', 'get old']);
  const before = (await stat('/dev/null')).mode;
  await saveToHistory('/dev/null', 'get new');
  t.is((await stat('/dev/null')).mode, before);
});

test('a history that is a link stays one when it is shortened', async (t) => {
  const path = await newPath('history');
  const link = `${path}-link`;
  await writeFile(path, Array.from({ length: 2_001 }, (_, i) => `get ${i}\n`).join(''));
  await symlink(path, link);
  t.is((await loadHistory(link)).length, 1_000);
  t.true((await lstat(link)).isSymbolicLink());
  t.is((await loadHistory(path)).length, 1_000);
});

test('without a home directory there is a prompt, no history, and one remark', async (t) => {
  const nobody = () => {
    throw new Error('ENOENT: no such file or directory, uv_os_homedir');
  };
  t.is(historyPath({}, nobody), null);
  t.is(historyPath({ XDG_STATE_HOME: '/s' }, nobody), '/s/rangekeeper/history');
  const terminal = new Terminal(historyPath({}, nobody));
  terminal.typeOnly('put a 1\nexit\n');
  await terminal.ends(t, 0, 'ok, revision 1\n');
  t.is(terminal.screen.split('no home directory').length, 2);
});

/** A terminal of 5 lines, and 10 rows k0 to k9. */
async function smallTerminal(): Promise<Terminal> {
  const terminal = new Terminal(null, 5);
  for (let i = 0; i < 10; i++) await terminal.client.put(`k${i}`, `${i}`);
  await terminal.sees('default> ');
  return terminal;
}

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `k${from + i}\n`).join('');

test('scan stops at each screenful: space and Enter go on', async (t) => {
  const terminal = await smallTerminal();
  await terminal.type('scan --keys\n', '-- more');
  await terminal.type(' ', '-- more');
  await terminal.type('\r', '10 rows');
  await terminal.type('count\n', 'default> ');
  terminal.typeOnly(CTRL_D);
  await terminal.ends(t, 0, `${rows(0, 10)}10\n`);
});

test('q ends a scan, other keys do nothing, and none of them gets into the next command', async (t) => {
  const terminal = await smallTerminal();
  await terminal.type('scan --keys\n', '-- more');
  await terminal.type('xq', 'default> ');
  terminal.typeOnly('count\nexit\n');
  await terminal.ends(t, 0, `${rows(0, 4)}10\n`);
});

test('Ctrl-C ends a scan that has stopped, and the commands behind it do not run', async (t) => {
  const terminal = await smallTerminal();
  await terminal.type('scan --keys; put never 1\n', '-- more');
  await terminal.type(CTRL_C, 'default> ');
  terminal.typeOnly('count\nexit\n');
  await terminal.ends(t, 0, `${rows(0, 4)}10\n`);
});

test('a signal to stop ends a scan that has stopped', async (t) => {
  const terminal = await smallTerminal();
  await terminal.type('scan --keys\n', '-- more');
  terminal.stop.abort();
  await terminal.ends(t, 130, rows(0, 4));
});

test('a scan does not stop with --limit, if it fits the screen, or if stdout is no terminal', async (t) => {
  const terminal = await smallTerminal();
  terminal.typeOnly('scan --keys --limit 9\nscan k1 --keys\nexit\n');
  await terminal.ends(t, 0, `${rows(0, 9)}k1\n`);
  const piped = new Terminal();
  for (let i = 0; i < 50; i++) await piped.client.put(`k${i}`, '');
  piped.typeOnly('scan --keys\nexit\n');
  t.is((await piped.answers).toString().split('\n').length, 51);
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

for (const [typed, asked] of [
  ['orders', [['dropNamespace', 'orders']]],
  ['order', []],
] as const) {
  test(`a namespace is dropped once its name is typed again: ${typed}`, async (t) => {
    const terminal = new Terminal();
    await terminal.sees('default> ');
    await terminal.type('namespace drop orders\r', 'Its name once more');
    await terminal.type(`${typed}\r`, 'default> ');
    t.deepEqual(terminal.client.asked, asked);
    await terminal.type('get a\r', 'not found: a');
    terminal.typeOnly(CTRL_D);
    t.is(await terminal.code, 0);
  });
}

test('Ctrl-C at the question whether to drop a namespace ends the command, and the next line is a command', async (t) => {
  const terminal = new Terminal();
  await terminal.sees('default> ');
  await terminal.type('namespace drop orders\r', 'Its name once more');
  await terminal.type(CTRL_C, 'default> ');
  await terminal.type('get a\r', 'not found: a');
  t.deepEqual(terminal.client.asked, []);
  terminal.typeOnly(CTRL_D);
  t.is(await terminal.code, 0);
});
