// The verbs that move many rows: import, export. Here is only which source or sink is meant; the work is in transfer/.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Client } from '../../client/api.ts';
import { emptyBytes, formatBytes } from '../../common/base/bytes.ts';
import type { Answer } from '../answer.ts';
import type { Arguments, Option } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { interruptibleRows } from '../interruption.ts';
import type { Call, Session, Verb } from '../session.ts';
import { CSV_HEADINGS, csvRow, readCsv } from '../transfer/csv.ts';
import { type ExportOptions, exportRows } from '../transfer/exporter.ts';
import { Importer } from '../transfer/importer.ts';
import type { Item } from '../transfer/item.ts';
import { ndjsonLine, readNdjson } from '../transfer/ndjson.ts';
import { FileSink, type RowSink, ScreenSink, type TextForm } from '../transfer/sink.ts';
import { Tally } from '../transfer/tally.ts';
import { readTree } from '../transfer/tree-reader.ts';
import { TreeWriter } from '../transfer/tree-writer.ts';
import { ask, Oldest, PREFIX_OPTION, READ_OPTION, readOptions, tellStaleness } from './verb.ts';

const FORMATS = ['ndjson', 'csv'] as const;
type FileFormat = (typeof FORMATS)[number];

const PATIENCE_SECONDS = 120;

const TREE_OPTION: Option = {
  name: 'tree',
  value: { name: 'DIR', kind: 'text' },
  help: 'a directory: the path below it is the key, the bytes of the file are the value',
};
const FORMAT_OPTION: Option = {
  name: 'format',
  value: { name: 'FORMAT', kind: 'text', choices: FORMATS },
  help: 'of the file; by default csv where its name ends so, else ndjson',
};
const PATIENCE_OPTION: Option = {
  name: 'patience',
  value: { name: 'SECONDS', kind: 'integer' },
  help: `how long a range may be without an owner before this gives up; default ${PATIENCE_SECONDS}`,
};
const FILE = { name: 'FILE', kind: 'text', optional: true } as const;

const FORMS = `NDJSON: a line is {"key": "…", "value": "…"}; bytes that are not UTF-8 are "key64", "value64" in base64.
CSV: headings key,value and, likewise, key64,value64.`;

const importVerb: Verb = {
  name: 'import',
  summary: 'write the rows of a file, or a tree of files',
  details: `FILE may be - for standard input. ${FORMS}
It goes on through the death of an owner, and may be run again. Exit code 0: all was imported. What is refused is
told, counted, and makes it 1; symbolic links in a tree are left out and counted. Of a file in a tree only the bytes are
kept, not its mode, owner or times; files that may be executed are counted as skipped permissions.`,
  parameters: [FILE],
  options: [
    TREE_OPTION,
    { ...PREFIX_OPTION, help: 'with --tree: put in front of each key' },
    FORMAT_OPTION,
    PATIENCE_OPTION,
  ],
  async run(call): Promise<Answer> {
    const { session, signal, args } = call;
    const items = readSource(session, args);
    const client = await ask(call, async (connected) => connected);
    const tally = new Tally(session.env, session.screen, 'imported');
    const importer = new Importer(client, { env: session.env, signal, patienceMs: patienceMs(args) }, tally);
    await tally.during(() => importer.run(items));
    return tally.answer();
  },
};

function readSource(session: Session, args: Arguments): AsyncIterable<Item> {
  if (!args.has('FILE') && !args.has('tree')) throw new UsageError('import: give FILE, - or --tree DIR');
  const target = targetOf(args);
  if (target.kind === 'tree') return readTree(target.directory, args.bytesOrNone('prefix') ?? emptyBytes);
  if (args.has('prefix')) throw new UsageError('import: --prefix goes with --tree only');
  const input = target.file === '-' ? standardInput(session) : createReadStream(target.file);
  return target.format === 'csv' ? readCsv(input) : readNdjson(input);
}

function standardInput(session: Session): Readable {
  if (session.input === null) throw new UsageError('import -: the commands themselves come from there');
  return session.input;
}

const exportVerb: Verb = {
  name: 'export',
  summary: 'read all rows into a file, or a tree of files',
  details: `Without FILE, or with -, to standard output. ${FORMS}
Each page of rows is one moment of its range, the whole is not. With --tree a key that is no path of a file below
DIR (absolute, .., empty parts) is refused, counted, and makes the exit code 1. Files get the usual mode (0666 less the umask): modes are not kept.
FILE appears when it is whole.`,
  parameters: [FILE],
  options: [
    TREE_OPTION,
    { ...PREFIX_OPTION, help: 'keys that begin so; with --tree it is left out of the paths' },
    FORMAT_OPTION,
    READ_OPTION,
    PATIENCE_OPTION,
  ],
  async run(call): Promise<Answer> {
    const { session, args } = call;
    const target = targetOf(args);
    const client = await ask(call, async (connected) => connected);
    const tally = new Tally(session.env, session.screen, 'exported');
    const options: ExportOptions = {
      env: session.env,
      signal: call.signal,
      prefix: args.bytesOrNone('prefix') ?? emptyBytes,
      read: readOptions(args),
      patienceMs: patienceMs(args),
    };
    const sink = await openSink(session, target, options.prefix.length);
    await tally.during(() => exportTo(sink, client, options, call, tally));
    // On stdout are the rows; the counts have been said by the last line of progress.
    return target.kind === 'file' && target.file === '-' ? { kind: 'silent' } : tally.answer();
  },
};

async function exportTo(
  sink: RowSink,
  client: Client,
  options: ExportOptions,
  call: Call,
  tally: Tally,
): Promise<void> {
  const oldest = new Oldest();
  try {
    for await (const row of interruptibleRows(options.signal, exportRows(client, options, tally))) {
      const refusal = await sink.write(row.key, row.value);
      if (refusal === null) tally.done(row.value.length);
      else tally.refuse(refusal, formatBytes(row.key));
      oldest.add(row);
    }
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
  tellStaleness(call, oldest.freshness);
}

function openSink(session: Session, target: Target, prefixLength: number): Promise<RowSink> {
  if (target.kind === 'tree') return TreeWriter.open(target.directory, prefixLength);
  const form: TextForm =
    target.format === 'csv' ? { headings: CSV_HEADINGS, row: csvRow } : { headings: '', row: ndjsonLine };
  return target.file === '-'
    ? new ScreenSink(session.screen, form).begin()
    : FileSink.open(target.file, form);
}

type Target =
  | { readonly kind: 'tree'; readonly directory: string }
  | { readonly kind: 'file'; readonly file: string; readonly format: FileFormat };

function targetOf(args: Arguments): Target {
  const directory = args.textOrNone('tree');
  const named = args.textOrNone('FILE');
  if (directory !== undefined) {
    if (named !== undefined || args.has('format'))
      throw new UsageError('--tree does not go with FILE or --format');
    return { kind: 'tree', directory };
  }
  const file = named ?? '-';
  const format = FORMATS.find((each) => each === args.textOrNone('format'));
  return { kind: 'file', file, format: format ?? (file.endsWith('.csv') ? 'csv' : 'ndjson') };
}

function patienceMs(args: Arguments): number {
  return (args.integerOrNone('patience') ?? PATIENCE_SECONDS) * 1_000;
}

export const TRANSFER_VERBS: readonly Verb[] = [importVerb, exportVerb];
