// The verbs about namespaces: `namespace create`, `list`, `alter` and `drop`, and `use`, which changes the namespace of the session.

import type { Client, NamespaceOptions, NamespaceView } from '../../client/api.ts';
import { LIMITS } from '../../common/model/config.ts';
import { type Answer, type Column, each, flag, number, type Row, text } from '../answer.ts';
import type { Arguments, Option } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { interruptible } from '../interruption.ts';
import type { Call, Verb } from '../session.ts';
import { TASK_DETAILS, TASK_OPTIONS, taskAnswer } from './tasks.ts';
import { ask, askLeader, remarkDetail } from './verb.ts';

const COLUMNS: readonly Column[] = [
  { name: 'name' },
  { name: 'id', hidden: true },
  { name: 'replicationFactor' },
  { name: 'minInSync' },
  { name: 'ranges' },
];

function rowOf({ name, id, replicationFactor, minInSync, ranges }: NamespaceView): Row {
  return [text(name), number(id), number(replicationFactor), number(minInSync), number(ranges)];
}

const REPLICA_OPTIONS: readonly Option[] = [
  {
    name: 'replicas',
    value: { name: 'N', kind: 'integer' },
    help: `replicas of each range, 1 to ${LIMITS.replicationFactorMax}; default: as the namespace default was given, usually 3`,
  },
  {
    name: 'min-in-sync',
    value: { name: 'M', kind: 'integer' },
    help: 'how many of them hold each acknowledged write, at least; default: a majority, 1 of 2',
  },
];

const SPLIT_OPTIONS: readonly Option[] = [
  {
    name: 'split-bytes',
    value: { name: 'B', kind: 'integer' },
    help: 'a range that has more bytes is split; default: 256 MiB',
  },
  {
    name: 'unit',
    value: { name: 'DELIM', kind: 'bytes' },
    help: 'keys that are equal up to this delimiter stay together in one range',
  },
];

const create: Verb = {
  name: 'namespace create',
  summary: 'make a namespace',
  details: [
    'NAME has letters, digits and _ . - and begins with a letter or digit. The command ends once all ranges have an owner. With more',
    'replicas than nodes the ranges get the others as nodes join. By default there is one range for each node. Those and the',
    'ranges of --ranges are divided by the first characters of keys that consist of 0-9 and a-z: 3 ranges meet at c and o. For other',
    'keys give --split-at. With 2 replicas --min-in-sync is 1 by default: writes go on while one of the two nodes is down, and are then on',
    'one disk only; with --min-in-sync 2 they wait for it. If it ends with 6, it may be asked again: a namespace is made once, and then refused as existing.',
  ].join('\n'),
  parameters: [{ name: 'NAME', kind: 'text' }],
  options: [
    ...REPLICA_OPTIONS,
    {
      name: 'ranges',
      value: { name: 'N', kind: 'integer' },
      help: `how many ranges it begins with, 1 to ${LIMITS.rangesPerNamespaceCreated}`,
    },
    {
      name: 'split-at',
      value: { name: 'KEY', kind: 'bytes', many: true },
      help: 'the keys at which its ranges meet, one after the other, as in --split-at g p',
    },
    ...SPLIT_OPTIONS,
  ],
  async run(call): Promise<Answer> {
    const options = optionsOf(call.args);
    const name = call.args.text('NAME');
    return askLeader(call, async (client): Promise<Answer> => {
      const made = await client.createNamespace(name, options);
      remarkFewNodes(call, client, made);
      remarkDetail(call, `use ${name} works in it`);
      return { kind: 'record', columns: COLUMNS, row: rowOf(made), text: describe(made) };
    });
  },
};

type Alterations = Pick<NamespaceOptions, 'replicas' | 'minInSync' | 'splitBytes' | 'unit'>;

function optionsOf(args: Arguments): NamespaceOptions {
  if (args.has('ranges') && args.has('split-at'))
    throw new UsageError('namespace create: --ranges does not go with --split-at');
  const ranges = args.integerOrNone('ranges');
  const splitAt = args.bytesListOrNone('split-at');
  return {
    ...alterationsOf(args),
    ...(ranges === undefined ? {} : { ranges }),
    ...(splitAt === undefined ? {} : { splitAt }),
  };
}

function alterationsOf(args: Arguments): Alterations {
  const replicas = args.integerOrNone('replicas');
  const minInSync = args.integerOrNone('min-in-sync');
  const splitBytes = args.integerOrNone('split-bytes');
  const unit = args.bytesOrNone('unit');
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(minInSync === undefined ? {} : { minInSync }),
    ...(splitBytes === undefined ? {} : { splitBytes }),
    ...(unit === undefined ? {} : { unit }),
  };
}

function remarkFewNodes(call: Call, client: Client, { replicationFactor }: NamespaceView): void {
  const live = client.nodes().filter((view) => view.live !== null).length;
  if (live >= replicationFactor) return;
  call.remark(
    `${plural(replicationFactor, 'replica')} asked for, ${plural(live, 'node')} live: the ranges get the others as nodes join`,
  );
}

function describe({ name, replicationFactor, minInSync, ranges }: NamespaceView): string {
  const size = `${plural(ranges, 'range')} with ${plural(replicationFactor, 'replica')} each`;
  return `namespace ${name} is made: ${size}, at least ${minInSync} in-sync for writes`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const alter: Verb = {
  name: 'namespace alter',
  summary: 'change what a namespace was made with',
  details: `What is not given stays as it is. minInSync never falls. ${TASK_DETAILS}`,
  parameters: [{ name: 'NAME', kind: 'namespace' }],
  options: [...REPLICA_OPTIONS, ...SPLIT_OPTIONS, ...TASK_OPTIONS].map(withoutDefault),
  check(args): void {
    if (Object.keys(alterationsOf(args)).length === 0)
      throw new UsageError('namespace alter: give --replicas, --min-in-sync, --split-bytes or --unit');
  },
  run: (call) =>
    taskAnswer(call, (client, options) =>
      client.alterNamespace(call.args.text('NAME'), { ...alterationsOf(call.args), ...options }),
    ),
};

function withoutDefault(option: Option): Option {
  return { ...option, help: option.help.replace(/; default: .*/, '') };
}

const drop: Verb = {
  name: 'namespace drop',
  summary: 'remove a namespace and all its rows, for good',
  details: `At a prompt it asks for the name once more; elsewhere --yes NAME is needed. Its space is given back in the background. ${TASK_DETAILS}`,
  parameters: [{ name: 'NAME', kind: 'namespace' }],
  options: [
    { name: 'yes', value: { name: 'NAME', kind: 'text' }, help: 'the name once more: nothing is asked' },
    ...TASK_OPTIONS,
  ],
  check(args): void {
    const again = args.textOrNone('yes');
    if (again !== undefined && again !== args.text('NAME'))
      throw new UsageError(`namespace drop: --yes ${again} is not the name ${args.text('NAME')}`);
  },
  async run(call): Promise<Answer> {
    const name = call.args.text('NAME');
    if (!call.args.has('dry-run') && !call.args.has('yes')) await confirmName(call, name);
    return taskAnswer(call, (client, options) => client.dropNamespace(name, options));
  },
};

/** @throws UsageError if the name was not typed again */
async function confirmName({ session, signal }: Call, name: string): Promise<void> {
  if (session.question === null)
    throw new UsageError(
      `namespace drop: all rows of ${name} would be lost; --yes ${name} says that this is meant`,
    );
  const typed = await interruptible(
    signal,
    session.question(`All rows of ${name} will be lost. Its name once more: `),
  );
  if (typed.trim() !== name) throw new UsageError('namespace drop: that is another name; nothing was done');
}

const list: Verb = {
  name: 'namespace list',
  aliases: ['namespaces'],
  summary: 'the namespaces of the cluster, and which one is in use',
  parameters: [],
  options: [],
  run: (call) =>
    ask(call, async (client): Promise<Answer> => {
      const rows = (await client.namespaces()).map(
        (view): Row => [...rowOf(view), flag(view.name === call.session.namespace())],
      );
      return { kind: 'rows', columns: [...COLUMNS, { name: 'inUse' }], rows: each(rows), headings: true };
    }),
};

const use: Verb = {
  name: 'use',
  summary: 'work in another namespace from now on',
  details:
    '`namespace list` shows those that there are. It writes nothing to stdout. It holds for the session, or the script.',
  parameters: [{ name: 'NAME', kind: 'namespace' }],
  options: [],
  async run({ session, args, signal }): Promise<Answer> {
    await interruptible(signal, session.use(args.text('NAME'), signal));
    return { kind: 'written' };
  },
};

export const NAMESPACE_VERBS: readonly Verb[] = [create, list, alter, drop, use];
