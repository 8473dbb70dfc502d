// How processes start and end: runMain in a real process of its own, seen from outside.

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { realEnv } from '../../common/base/env.ts';
import { type Child, startChild } from '../../common/process/children.ts';

const MAIN = new URL('../../common/process/main.js', import.meta.url).href;
const EXIT = new URL('../../common/process/exit.js', import.meta.url).href;
const LOG = new URL('../../common/process/log.js', import.meta.url).href;

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

/** Resolves when the child has said something on stdout: its main runs. */
async function speaks(child: Child): Promise<void> {
  const { stdout } = child.process;
  if (stdout === null) throw new Error('the child has a pipe');
  await once(stdout, 'readable');
}

const WAIT = `console.log('up'); const reason = await life.stopRequested; console.log('stopped: ' + reason); return 0;`;
// A promise alone keeps no process alive; a server would.
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

test('a second signal ends at once, whatever main is waiting for', async (t) => {
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

test('a reader that goes away is a reason to stop, in order', async (t) => {
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
