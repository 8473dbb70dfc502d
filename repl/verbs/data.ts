// The verbs for one key: put, get, del, cas.

import type { Client, Provenance, WriteOptions } from '../../client/api.ts';
import { type Bytes, formatBytes, toBytes, utf8OrNull } from '../../common/base/bytes.ts';
import { EXIT } from '../../common/process/exit.ts';
import { type Answer, bytes, type Column, flag, node, number, type Row } from '../answer.ts';
import type { Arguments, Option, Parameter } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { indentedJson } from '../format/pretty-json.ts';
import type { Call, Verb } from '../session.ts';
import { ask, askToWrite, nameOf, READ_OPTION, readOptions, remarkDetail, remarkStaleness } from './verb.ts';

const KEY: Parameter = { name: 'KEY', kind: 'key' };
const VALUE: Parameter = { name: 'VALUE', kind: 'bytes' };

const IF_REVISION: Option = {
  name: 'if-revision',
  value: { name: 'N', kind: 'integer' },
  help: 'only if the key has this revision; 0: only if the key is absent',
};

const PROVENANCE: readonly Column[] = [{ name: 'range' }, { name: 'epoch' }, { name: 'node' }];

function provenance(client: Client, from: Provenance): Row {
  return [number(from.range), number(from.epoch), node(nameOf(from.node, client.nodes()))];
}

function describeProvenance(client: Client, from: Provenance): string {
  return `range ${from.range}, epoch ${from.epoch}, ${nameOf(from.node, client.nodes()).name}`;
}

function condition(args: Arguments): WriteOptions {
  const ifRevision = args.integerOrNone('if-revision');
  return ifRevision === undefined ? {} : { ifRevision };
}

async function write(call: Call, key: Bytes, value: Bytes, options: WriteOptions): Promise<Answer> {
  return askToWrite(call, async (client) => {
    const written = await client.put(key, value, options);
    remarkDetail(call, describeProvenance(client, written));
    return {
      kind: 'record',
      columns: [{ name: 'revision' }, ...PROVENANCE],
      row: [number(written.revision), ...provenance(client, written)],
      text: `ok, revision ${written.revision}`,
    };
  });
}

const put: Verb = {
  name: 'put',
  summary: 'write a value',
  parameters: [KEY, VALUE],
  options: [IF_REVISION],
  run: (call) => write(call, call.args.bytes('KEY'), call.args.bytes('VALUE'), condition(call.args)),
};

const cas: Verb = {
  name: 'cas',
  summary: 'compare and set: write a value if the key has this revision',
  details:
    'REVISION 0: only if the key is absent. If the key has another revision, it ends with CONFLICT (exit code 4) and that revision.',
  parameters: [KEY, { name: 'REVISION', kind: 'integer' }, VALUE],
  options: [],
  run: (call) =>
    write(call, call.args.bytes('KEY'), call.args.bytes('VALUE'), {
      ifRevision: call.args.integer('REVISION'),
    }),
};

const GET_COLUMNS: readonly Column[] = [
  { name: 'key', bytes: true },
  { name: 'value', bytes: true },
  { name: 'revision' },
  { name: 'stale' },
  { name: 'staleMs' },
  ...PROVENANCE,
];

const get: Verb = {
  name: 'get',
  summary: 'read a value',
  details: [
    'A terminal shows bytes that are not text as \\xNN; a pipe or a file gets the bytes of the value, and a newline. With --output json',
    'the revision is shown, too. Ends with exit code 3 if the key is absent.',
  ].join('\n'),
  parameters: [KEY],
  options: [
    { name: 'raw', help: 'exactly the bytes of the value, also on a terminal, without a newline' },
    { name: 'pretty', help: 'a value that is JSON is indented' },
    READ_OPTION,
  ],
  check(args): void {
    if (args.has('raw') && args.has('pretty')) throw new UsageError('--raw does not go with --pretty');
  },
  async run(call): Promise<Answer> {
    const { format } = call.session;
    if (call.args.has('pretty') && format !== 'table')
      throw new UsageError(`--pretty does not go with --output ${format}`);
    const key = call.args.bytes('KEY');
    return ask(call, async (client) => {
      const found = await client.get(key, readOptions(call.args));
      if (found === null) return absent(call, key);
      if (call.args.has('raw')) {
        // The prompt, or a remark, must not stand behind the value.
        remarkDetail(call, '');
        remarkStaleness(call, found);
        return { kind: 'exact', bytes: found.value };
      }
      remarkDetail(call, `revision ${found.revision}, ${describeProvenance(client, found)}`);
      remarkStaleness(call, found);
      const row = [
        bytes(key),
        bytes(found.value),
        number(found.revision),
        flag(found.stale),
        number(found.staleMs),
        ...provenance(client, found),
      ];
      return { kind: 'record', columns: GET_COLUMNS, row, ...shown(found.value, call.args.has('pretty')) };
    });
  },
};

function absent(call: Call, key: Bytes): Answer {
  call.session.screen.say(`not found: ${formatBytes(key)}`);
  return { kind: 'record', columns: GET_COLUMNS, row: null, text: '', exit: EXIT.notFound };
}

/** A value on a terminal and in a pipe. */
function shown(value: Bytes, pretty: boolean): { readonly text: string; readonly piped: Bytes } {
  const json = pretty ? indentedJson(utf8OrNull(value) ?? '') : null;
  return json === null ? { text: formatBytes(value), piped: value } : { text: json, piped: toBytes(json) };
}

const del: Verb = {
  name: 'del',
  aliases: ['delete'],
  summary: 'delete a key; it is not an error if the key is absent',
  parameters: [KEY],
  options: [IF_REVISION],
  async run(call): Promise<Answer> {
    return askToWrite(call, async (client) => {
      const deleted = await client.delete(call.args.bytes('KEY'), condition(call.args));
      remarkDetail(call, describeProvenance(client, deleted));
      return {
        kind: 'record',
        columns: [{ name: 'existed' }, { name: 'revision' }, ...PROVENANCE],
        row: [flag(deleted.existed), number(deleted.revision), ...provenance(client, deleted)],
        text: `${deleted.existed ? 'deleted' : 'was absent'}, revision ${deleted.revision}`,
      };
    });
  },
};

export const DATA_VERBS: readonly Verb[] = [put, get, del, cas];
