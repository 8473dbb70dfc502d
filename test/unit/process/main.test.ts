// How processes start and end: runMain in a real process, seen from outside.

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { type Child, startChild } from '../../../common/process/children.ts';

const MAIN = new URL('../../../common/process/main.js', import.meta.url).href;
const EXIT = new URL('../../../common/process/exit.js', import.meta.url).href;
const LOG = new URL('../../../common/process/log.js', import.meta.url).href;

/** A process whose main has this body; `argv` and `life` are its arguments. */
function start(body: string, argv: readonly string[] = []): Child {
  const script = `
    import { runMain } from '${MAIN}';
    import { ProcessExit } from '${EXIT}';
    import { createLogger } from '${LOG}';
    await runMain('sample', async (argv, life) => { ${body} }, process.argv.slice(1));`;
  return startChild(realEnv, {
    nodeOptions: ['--input-type=module'],
    argv: ['--eval', script, '--', ...argv],
    stdout: 'pipe',
    stderr: 'pipe',
  });
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function outcome(child: Child): Promise<Outcome> {
  const { stdout, stderr } = child.process;
  if (stdout === null || stderr === null) throw new Error('the child has pipes');
  const [out, err, { code }] = await Promise.all([text(stdout), text(stderr), child.ended]);
  return { code, stdout: out, stderr: err };
}

/** Resolves when the child has written to stdout, so that its main is known to run. */
async function speaks(child: Child): Promise<void> {
  const { stdout } = child.process;
  if (stdout === null) throw new Error('the child has a pipe');
  await once(stdout, 'readable');
}

const WAIT = `console.log('up'); const reason = await life.stopRequested; console.log('stopped: ' + reason); return 0;`;
// A promise alone does not keep a process alive, as a server would.
const KEEP = 'setInterval(() => {}, 1000);';

test('the exit code is what main resolves to, and argv reaches it', async (t) => {
  t.deepEqual(await outcome(start(`console.log(argv.join('+')); return 3;`, ['a', 'b'])), {
    code: 3,
    stdout: 'a+b\n',
    stderr: '',
  });
});

test('an error ends with one line and code 1', async (t) => {
  t.deepEqual(await outcome(start(`throw new Error('no disk');`)), {
    code: 1,
    stdout: '',
    stderr: 'sample: no disk\n',
  });
});

test('ProcessExit ends with its code: help on stdout, else on stderr', async (t) => {
  t.deepEqual(await outcome(start(`throw new ProcessExit(0, 'help');`)), {
    code: 0,
    stdout: 'help\n',
    stderr: '',
  });
  t.deepEqual(await outcome(start(`throw new ProcessExit(64, 'wrong');`)), {
    code: 64,
    stdout: '',
    stderr: 'wrong\n',
  });
});

test('an exception in a callback and a rejection that nobody handles end with code 1', async (t) => {
  for (const body of [
    `setImmediate(() => { throw new Error('broken'); }); ${KEEP} await life.stopRequested;`,
    `Promise.reject(new Error('broken')); ${KEEP} await life.stopRequested;`,
  ]) {
    const { code, stderr } = await outcome(start(body));
    t.is(code, 1);
    t.regex(stderr, /^sample: Error: broken\n {4}at /);
  }
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} asks main to stop`, async (t) => {
    const child = start(KEEP + WAIT);
    await speaks(child);
    child.process.kill(signal);
    const { code, stdout } = await outcome(child);
    t.is(code, 0);
    t.true(stdout.endsWith(`stopped: ${signal}\n`));
  });
}

test('a second signal ends the process at once, whatever main waits for', async (t) => {
  const child = start(`${KEEP} console.log('up'); await life.stopRequested; console.log('again');
    await new Promise(() => {});`);
  await speaks(child);
  const { stdout } = child.process;
  child.process.kill('SIGTERM');
  stdout?.read();
  await speaks(child);
  child.process.kill('SIGTERM');
  t.deepEqual(await child.ended, { code: 143, signal: null });
});

test('a child stops when its parent is gone', async (t) => {
  const child = start(KEEP + WAIT);
  await speaks(child);
  child.process.disconnect();
  const { code, stdout } = await outcome(child);
  t.is(code, 0);
  t.true(stdout.endsWith('stopped: parent gone\n'));
});

test('if the reader of stdout goes away, main is asked to stop', async (t) => {
  const child = start(`${KEEP} process.stdout.write('up'); setInterval(() => process.stdout.write('more'), 1);
    console.error('stopped: ' + await life.stopRequested); return 4;`);
  await speaks(child);
  child.process.stdout?.destroy();
  const { stderr } = child.process;
  if (stderr === null) throw new Error('the child has a pipe');
  t.is(await text(stderr), 'stopped: reader gone\n');
  t.deepEqual(await child.ended, { code: 4, signal: null });
});

test('much output is written to its end before the process ends', async (t) => {
  const { stdout } = await outcome(start(`process.stdout.write('x'.repeat(1_000_000)); return 0;`));
  t.is(stdout.length, 1_000_000);
});

test('log lines are JSON on stderr, and the last one before a crash is there', async (t) => {
  const { stderr, stdout } = await outcome(
    start(`const logger = createLogger({ name: 'kvnode', level: 'info' }).child({ range: 7 });
      logger.debug({}, 'not shown'); logger.warn({ seq: 3 }, 'last words'); process.abort();`),
  );
  t.is(stdout, '');
  const [line = ''] = stderr.split('\n');
  const { level, process, range, seq, msg } = JSON.parse(line);
  t.deepEqual(
    { level, process, range, seq, msg },
    {
      level: 'warn',
      process: 'kvnode',
      range: 7,
      seq: 3,
      msg: 'last words',
    },
  );
});

/** A server: it logs, and the reason of its end is a line of its log. */
const SERVER = `const logger = createLogger({ name: 'kvnode', level: argv[0] ?? 'info' }).child({ node: 'n1' });
  life.logTo(logger);`;

const endsInJson = test.macro({
  async exec(t, body: string, argv: readonly string[], expected: object, stack: RegExp | null) {
    const { code, stdout, stderr } = await outcome(start(`${SERVER} ${body}`, argv));
    t.is(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    t.is(lines.length, 1, stderr);
    const line = JSON.parse(lines[0] ?? '');
    const { level, process, node, msg } = line;
    t.deepEqual(
      { level, process, node, msg, code: line.code, exit: code },
      {
        ...{ level: 'fatal', process: 'kvnode', node: 'n1' },
        ...expected,
      },
    );
    if (stack === null) t.false('stack' in line);
    else t.regex(line.stack, stack);
  },
  title: (title) => `a process that logs ends with one line of its log: ${title}`,
});

const BROKEN = { msg: 'sample: broken', code: 1, exit: 1 };
const STACK = /^Error: broken\n {4}at /;

test('an error at its start', endsInJson, `throw new Error('broken');`, [], BROKEN, STACK);
test(
  'a refusal in words',
  endsInJson,
  `throw new ProcessExit(64, 'kvnode: the directory is in use');`,
  [],
  { msg: 'kvnode: the directory is in use', code: 64, exit: 64 },
  null,
);
test(
  'an exception in a callback',
  endsInJson,
  `setImmediate(() => { throw new Error('broken'); }); ${KEEP} await life.stopRequested;`,
  [],
  BROKEN,
  STACK,
);
test(
  'a rejection that nobody handles',
  endsInJson,
  `Promise.reject(new Error('broken')); ${KEEP} await life.stopRequested;`,
  [],
  BROKEN,
  STACK,
);
test(
  'a ProcessExit in a callback',
  endsInJson,
  `setImmediate(() => { throw new ProcessExit(5, 'no room on the disk'); }); ${KEEP} await life.stopRequested;`,
  [],
  { msg: 'no room on the disk', code: 5, exit: 5 },
  null,
);
test('even where it logs nothing else', endsInJson, `throw new Error('broken');`, ['silent'], BROKEN, STACK);
test(
  'with what caused it',
  endsInJson,
  `throw new Error('broken', { cause: new Error('the disk') });`,
  [],
  BROKEN,
  /\[cause\]: Error: the disk\n/,
);

test('what Node warns of is a line of the log as well', async (t) => {
  const body = `process.emitWarning('too many listeners'); await new Promise(setImmediate); return 0;`;
  const { stderr } = await outcome(start(`${SERVER} ${body}`));
  const { level, msg } = JSON.parse(stderr);
  t.deepEqual({ level, msg }, { level: 'warn', msg: 'too many listeners' });
});
