// The verbs that move many rows: import, export. This file only chooses the source or the sink; the work is done in transfer/.

import type { Readable } from 'node:stream';
import type { Client } from '../../client/api.ts';
import { type Bytes, emptyBytes, formatBytes } from '../../common/base/bytes.ts';
import type { Answer } from '../answer.ts';
import type { Arguments, Option } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { interruptibleRows } from '../interruption.ts';
import type { Call, Session, Verb } from '../session.ts';
import { CSV_HEADINGS, csvRow } from '../transfer/csv.ts';
import { type ExportOptions, exportRows } from '../transfer/exporter.ts';
import { namingFile, shownPath } from '../transfer/file-error.ts';
import { Importer } from '../transfer/importer.ts';
import { ndjsonLine } from '../transfer/ndjson.ts';
import { openOutput, type RowSink, ScreenSink, type TextForm, TextSink } from '../transfer/sink.ts';
import { type FileFormat, FORMATS, fileSource, readItems, type Source } from '../transfer/source.ts';
import { Tally } from '../transfer/tally.ts';
import { type FileTarget, fileTarget } from '../transfer/target.ts';
import { readTree } from '../transfer/tree-reader.ts';
import { TreeWriter } from '../transfer/tree-writer.ts';
import { ask, Oldest, PREFIX_OPTION, READ_OPTION, readOptions, remarkStaleness } from './verb.ts';

const RETRY_SECONDS_MAX = 120;
const STDOUT = 1;

const TREE_OPTION: Option = {
  name: 'tree',
  value: { name: 'DIR', kind: 'text' },
  help: 'a directory: the path of a file below it is the key, the bytes of the file are the value',
};
const FORMAT_OPTION: Option = {
  name: 'format',
  value: { name: 'FORMAT', kind: 'text', choices: FORMATS },
  help: 'the format of the file; default: csv if its name ends with .csv, else ndjson',
};
const RETRY_OPTION: Option = {
  name: 'patience',
  value: { name: 'SECONDS', kind: 'integer' },
  help: `how long a range may be without an owner before this gives up; default ${RETRY_SECONDS_MAX}`,
};
const FILE = { name: 'FILE', kind: 'text', optional: true } as const;

const FORMS = `NDJSON: a line is {"key": "…", "value": "…"}; bytes that are not UTF-8 are in base64, in "key64" and "value64".
CSV: the headings are key,value, and key64,value64 for base64. Both are UTF-8; lines may end in any way.`;

const importVerb: Verb = {
  name: 'import',
  summary: 'write the rows of a file, or a tree of files',
  details: `FILE may be - for standard input. ${FORMS}
The import goes on if an owner dies, and may be run again. Exit code 0: all rows were imported. Rows that are refused are
shown and counted, and the exit code is then 1. Symbolic links in a tree are skipped and counted. Only the bytes of a file
in a tree are kept, not its mode, owner or times; executable files are counted as skipped permissions.`,
  parameters: [FILE],
  options: [
    TREE_OPTION,
    { ...PREFIX_OPTION, help: 'with --tree: text before each key' },
    FORMAT_OPTION,
    RETRY_OPTION,
  ],
  check(args): void {
    if (!args.has('FILE') && !args.has('tree')) throw new UsageError('import: give FILE, - or --tree DIR');
    if (placeOf(args).kind !== 'tree' && args.has('prefix'))
      throw new UsageError('import: --prefix goes with --tree only');
  },
  async run(call): Promise<Answer> {
    const { session, signal, args } = call;
    const source = await sourceOf(session, args);
    const client = await ask(call, async (connected) => connected);
    const { env, screen } = session;
    const tally = new Tally({ env, screen, verb: 'imported', portion: source.portion });
    const importer = new Importer(client, { env, signal, retryMsMax: retryMsMax(args) }, tally);
    await tally.during(() => importer.run(source.items));
    return tally.answer();
  },
};

async function sourceOf(session: Session, args: Arguments): Promise<Source> {
  const place = placeOf(args);
  const portion = () => null;
  switch (place.kind) {
    case 'tree':
      return { items: readTree(place.directory, args.bytesOrNone('prefix') ?? emptyBytes), portion };
    case 'standard':
      return { items: readItems(standardInput(session), 'stdin', place.format), portion };
    case 'file':
      return fileSource(place.file, place.format);
  }
}

function standardInput(session: Session): Readable {
  if (session.input === null)
    throw new UsageError('import -: standard input is already the source of the commands');
  return session.input;
}

const exportVerb: Verb = {
  name: 'export',
  summary: 'read all rows into a file, or a tree of files',
  details: `Without FILE, or with -, it writes to standard output. ${FORMS}
A page of rows is a snapshot of its range; the export as a whole is not. With --tree, a key that is not the path of a file
below DIR (absolute, .., empty parts) is refused and counted, and the exit code is then 1. Modes of files are not kept: files
get the usual mode (0666 less the umask). FILE appears once it is complete; a file that is there keeps its content until
then, and its permissions. A link stays, and the file to which it leads is written. A pipe, a device or a descriptor such as
/dev/fd/3 is written to as the rows come.`,
  parameters: [FILE],
  options: [
    TREE_OPTION,
    { ...PREFIX_OPTION, help: 'only keys with this prefix; with --tree it is left out of the paths' },
    FORMAT_OPTION,
    READ_OPTION,
    RETRY_OPTION,
  ],
  check(args): void {
    placeOf(args);
  },
  async run(call): Promise<Answer> {
    const { session, args } = call;
    const target = await targetOf(args);
    const client = await ask(call, async (connected) => connected);
    const { env, screen } = session;
    const showsProgress = target.kind !== 'standard' || screen.width === null;
    const tally = new Tally({ env, screen, verb: 'exported', showsProgress });
    const options: ExportOptions = {
      env,
      signal: call.signal,
      prefix: args.bytesOrNone('prefix') ?? emptyBytes,
      read: readOptions(args),
      retryMsMax: retryMsMax(args),
    };
    const sink = await openSink(call, target, options.prefix);
    await tally.during(() => exportTo(sink, client, options, call, tally));
    // Stdout holds the rows. The last line of progress has shown the counts.
    return target.kind === 'standard' ? { kind: 'written' } : tally.answer();
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
  remarkStaleness(call, oldest.freshness);
}

type Target =
  | Extract<Place, { kind: 'tree' | 'standard' }>
  | { readonly kind: 'output'; readonly name: string; readonly at: FileTarget; readonly format: FileFormat };

/** Looks at what is there. @throws Error if nothing can be written there */
async function targetOf(args: Arguments): Promise<Target> {
  const place = placeOf(args);
  if (place.kind !== 'file') return place;
  const { file, format } = place;
  const at = await fileTarget(file);
  // `/dev/stdout` and the like: other output may be on its way there, so the rows take the same way.
  if (at.kind === 'descriptor' && at.descriptor === STDOUT) return { kind: 'standard', format };
  return { kind: 'output', name: shownPath(file), at, format };
}

async function openSink({ session, signal }: Call, target: Target, prefix: Bytes): Promise<RowSink> {
  if (target.kind === 'tree') return TreeWriter.open(session.env, target.directory, prefix.length);
  const form: TextForm =
    target.format === 'csv' ? { headings: CSV_HEADINGS, row: csvRow } : { headings: '', row: ndjsonLine };
  if (target.kind === 'standard') return new ScreenSink(session.screen, form).begin();
  const output = await namingFile(target.name, () => openOutput(target.at, session.env, signal));
  return new TextSink(target.name, form, output);
}

/** Where rows come from or go to, as the arguments say. */
type Place =
  | { readonly kind: 'tree'; readonly directory: string }
  | { readonly kind: 'standard'; readonly format: FileFormat }
  | { readonly kind: 'file'; readonly file: string; readonly format: FileFormat };

/** @throws UsageError */
function placeOf(args: Arguments): Place {
  const directory = args.textOrNone('tree');
  const named = args.textOrNone('FILE');
  if (directory !== undefined) {
    if (named !== undefined || args.has('format'))
      throw new UsageError('--tree does not go with FILE or --format');
    return { kind: 'tree', directory };
  }
  const file = named ?? '-';
  const given = FORMATS.find((each) => each === args.textOrNone('format'));
  const format = given ?? (file.endsWith('.csv') ? 'csv' : 'ndjson');
  return file === '-' ? { kind: 'standard', format } : { kind: 'file', file, format };
}

function retryMsMax(args: Arguments): number {
  return (args.integerOrNone('patience') ?? RETRY_SECONDS_MAX) * 1_000;
}

export const TRANSFER_VERBS: readonly Verb[] = [importVerb, exportVerb];
