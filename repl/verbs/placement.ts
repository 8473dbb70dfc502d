// The verbs that change where ranges are, and how many: each asks the leader for a task.

import { utf8OrNull } from '../../common/base/bytes.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { Arguments, Parameter } from '../arguments.ts';
import type { Verb } from '../session.ts';
import { TASK_DETAILS, TASK_OPTIONS, taskAnswer } from './tasks.ts';
import { nodeNamed } from './verb.ts';

const RANGE: Parameter = { name: 'RANGE', kind: 'integer' };
const NODE: Parameter = { name: 'NODE', kind: 'node' };
const ABOUT_NODES = 'A node is given by its name or its id, as `nodes` shows them.';

const split: Verb = {
  name: 'split',
  summary: 'split the range of a key there; with two keys, at both',
  details: `The keys are in one range, and the range of the key then begins with it. No row is copied, and no call fails. ${TASK_DETAILS}`,
  parameters: [{ name: 'KEY', kind: 'key', many: true }],
  options: TASK_OPTIONS,
  run: (call) =>
    taskAnswer(call, (client, options) => client.split(call.args.bytesListOrNone('KEY') ?? [], options)),
};

const merge: Verb = {
  name: 'merge',
  summary: 'merge the range of a key with its right neighbour',
  details: TASK_DETAILS,
  parameters: [{ name: 'KEY', kind: 'key' }],
  options: TASK_OPTIONS,
  run: (call) => taskAnswer(call, (client, options) => client.merge(call.args.bytes('KEY'), options)),
};

const move: Verb = {
  name: 'move',
  summary: 'move a replica of a range from one node to another one',
  details: `${ABOUT_NODES} ${TASK_DETAILS}`,
  parameters: [RANGE, { name: 'FROM', kind: 'node' }, { name: 'TO', kind: 'node' }],
  options: TASK_OPTIONS,
  run: (call) =>
    taskAnswer(call, (client, options) => {
      const named = (name: string) => nodeNamed(call.args.text(name), client.nodes()).id;
      return client.move(call.args.integer('RANGE'), named('FROM'), named('TO'), options);
    }),
};

const transfer: Verb = {
  name: 'transfer',
  summary: 'make another node the owner of a range: one that has an in-sync replica',
  details: `${ABOUT_NODES} ${TASK_DETAILS}`,
  parameters: [RANGE, NODE],
  options: TASK_OPTIONS,
  run: (call) =>
    taskAnswer(call, (client, options) =>
      client.transfer(
        call.args.integer('RANGE'),
        nodeNamed(call.args.text('NODE'), client.nodes()).id,
        options,
      ),
    ),
};

function nodeVerb(name: 'drain' | 'undrain' | 'decommission', summary: string): Verb {
  return {
    name,
    summary,
    details: `${ABOUT_NODES} ${TASK_DETAILS}`,
    parameters: [NODE],
    options: TASK_OPTIONS,
    run: (call) =>
      taskAnswer(call, (client, options) =>
        client[name](nodeNamed(call.args.text('NODE'), client.nodes()).id, options),
      ),
  };
}

const isolate: Verb = {
  name: 'isolate',
  summary: 'give a key, in a range of its own, or a range a node that owns nothing else',
  details: `What is a number is a range; with --key it is a key. Without NODE the coordinator chooses one. ${ABOUT_NODES} ${TASK_DETAILS}`,
  parameters: [
    { name: 'KEY|RANGE', kind: 'key' },
    { ...NODE, optional: true },
  ],
  options: [{ name: 'key', help: 'the first word is a key, although it is a number' }, ...TASK_OPTIONS],
  run: (call) =>
    taskAnswer(call, (client, options) => {
      const node = call.args.textOrNone('NODE');
      const to = node === undefined ? null : nodeNamed(node, client.nodes()).id;
      return client.isolate(rangeIn(call.args) ?? call.args.bytes('KEY|RANGE'), to, options);
    }),
};

/** Null: a key is meant. */
function rangeIn(args: Arguments): RangeId | null {
  const word = utf8OrNull(args.bytes('KEY|RANGE')) ?? '';
  return !args.has('key') && /^[0-9]{1,15}$/.test(word) ? Number(word) : null;
}

function pinVerb(name: 'pin' | 'unpin', summary: string): Verb {
  return {
    name,
    summary,
    details: TASK_DETAILS,
    parameters: [RANGE],
    options: TASK_OPTIONS,
    run: (call) => taskAnswer(call, (client, options) => client[name](call.args.integer('RANGE'), options)),
  };
}

const rebalance: Verb = {
  name: 'rebalance',
  summary: 'move ranges until the load is even, as far as that is worth its cost',
  details: `--dry-run shows the moves, and the load of each node before and after. ${TASK_DETAILS}`,
  parameters: [],
  options: TASK_OPTIONS,
  run: (call) => taskAnswer(call, (client, options) => client.rebalance(options)),
};

export const PLACEMENT_VERBS: readonly Verb[] = [
  ...[split, merge, move, transfer],
  nodeVerb('drain', 'move everything off a node; it ends when the node may be switched off'),
  nodeVerb('undrain', 'let a node have ranges again'),
  nodeVerb('decommission', 'drain a node, and take it out of the cluster'),
  isolate,
  pinVerb('pin', 'keep a range as it is: the coordinator neither moves, splits nor merges it by itself'),
  pinVerb('unpin', 'let the coordinator move, split and merge a range again; that ends its isolation, too'),
  rebalance,
];
