// Progress of imports and exports: one line that a terminal redraws, with a percentage where the size is known. On a pipe there is
// only the last line. Nothing of it is on stdout.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MemoryClient } from '../../support/memory-client.ts';
import { type ReplRun, type RunSettings, runTexts } from '../../support/repl-run.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const CLEAR = '\r\x1b[K';

/** Runs the command. Time passes for two lines of progress before the call of this number. */
async function runFor(command: string, settings: RunSettings = {}, callNumber = 3): Promise<ReplRun> {
  const env = new VirtualEnv();
  const client = new MemoryClient();
  for (let i = 0; i < 2_500; i++) await client.put(`k${i}`, 'v');
  let calls = 0;
  client.beforeCall = async () => {
    if (++calls === callNumber) await env.run(600);
  };
  return runTexts(client, [command], { errColumns: 100, ...settings, env });
}

async function file(): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'rk-progress-')), 'rows.ndjson');
  await writeFile(path, Array.from({ length: 5_000 }, (_, i) => `{"key":"new ${i}","value":"v"}\n`).join(''));
  return path;
}

/** What was shown on stderr, one line after the other. */
const shown = (err: string) => err.split(CLEAR);

test('import of a file shows percent, rows and rate, and ends with a clean line', async (t) => {
  const { out, err } = await runFor(`import ${await file()}`);
  const [before, first, second, ...last] = shown(err);
  t.is(before, '');
  const [, percent] = /^imported [\d,]+ rows, (\d+) %, \d KiB, [\d,]+ rows\/s$/.exec(first ?? '') ?? [];
  t.true(Number(percent) > 0 && Number(percent) < 100, err);
  t.regex(second ?? '', /^imported [\d,]+ rows, \d+ %/);
  t.is(last.length, 1);
  t.regex(last[0] ?? '', /^imported 5,000 rows, 5 KiB, [\d,]+ rows\/s\n$/);
  t.false(out.includes('%') || out.includes('\r'));
});

test('input whose size is not known has no percentage, nor has an export', async (t) => {
  const stdin = '{"key":"a","value":"1"}\n'.repeat(5);
  t.regex(
    shown((await runFor('import -', { stdin }, 1)).err)[1] ?? '',
    /^imported (\d) rows, \1 B, [\d,]+ rows\/s$/,
  );
  t.regex(shown((await runFor('export')).err)[1] ?? '', /^exported 2,000 rows, 2 KiB, [\d,]+ rows\/s$/);
});

test('a refused row does not mix with the line of progress', async (t) => {
  const { err } = await runFor('import -', { stdin: '{"key":"a","value":"1"}\n{"key":"b"}\n' }, 1);
  const refused = shown(err).filter((line) => line.includes('refused: '));
  t.deepEqual(
    refused.map((line) => line.split('\n')[0]),
    ['refused: stdin:2: no value'],
  );
});

test('a narrow terminal does not break the line', async (t) => {
  const [, first] = shown((await runFor(`import ${await file()}`, { errColumns: 20 })).err);
  t.is(first?.length, 19);
});

test('on a pipe there is only the last line', async (t) => {
  const { err } = await runFor(`import ${await file()}`, { errColumns: undefined });
  t.regex(err, /^imported 5,000 rows, 5 KiB, [\d,]+ rows\/s\n$/);
});

test('an export to a terminal shows its rows instead', async (t) => {
  const { out, err } = await runFor('export', { columns: 100 });
  t.is(out.split('\n').length, 2_501);
  t.regex(err, /^exported 2,500 rows, 3 KiB, [\d,]+ rows\/s\n$/);
});
