// The verb for an administrator who has restored ZooKeeper to an older state (docs/zookeeper.md#when-zookeeper-is-lost).

import type { Client, NodeView } from '../../client/api.ts';
import type { RaisedEpochs, RaisedRange } from '../../common/model/raise-epochs.ts';
import { EXIT, type ExitCode } from '../../common/process/exit.ts';
import { type Answer, type Column, each, node, none, number, type Row, text } from '../answer.ts';
import type { Call, Verb } from '../session.ts';
import { askLeader, nameOf } from './verb.ts';

const COLUMNS: readonly Column[] = [
  'range',
  'namespace',
  'epoch',
  'epochSeen',
  'outcome',
  'node',
  'reason',
].map((name) => ({ name }));

const raiseEpochs: Verb = {
  name: 'raise-epochs',
  summary: 'start the ranges again that stand still since ZooKeeper was restored from a backup',
  details: [
    'The backup may be older than what the nodes have seen. A range is in conflict if a replica has seen a higher epoch than ZooKeeper',
    'names, or if its live owner can never enter the epoch that ZooKeeper names. Such a range gets no owner by itself, and its replicas',
    'report the conflict. First restart all processes, and start every node that has data. This command then asks every node about its',
    'replicas. Each range in conflict, of any namespace, begins again in a higher epoch, at the replica with the newest log. For each',
    'range it shows the epoch in ZooKeeper, the highest epoch that a replica has seen, and the node where the range begins, or why it',
    'does not. It may be run again. Ends with 1 if a range does not begin again, with 6 if no coordinator has answered in time.',
  ].join('\n'),
  parameters: [],
  options: [
    { name: 'dry-run', help: 'change nothing: only show what is in conflict, and what would be done' },
    {
      name: 'force',
      help: 'go on without the nodes that do not answer: acknowledged writes that only they hold are then lost',
    },
  ],
  async run(call): Promise<Answer> {
    const settings = { force: call.args.has('force'), dryRun: call.args.has('dry-run') };
    const { result, views } = await askLeader(call, async (client: Client) => ({
      result: await client.raiseEpochs(settings),
      views: client.nodes(),
    }));
    remarkMissingReports(call, result, views, settings.force);
    if (result.ranges.length === 0) call.remark('no range is in conflict: there is nothing to raise');
    return {
      kind: 'rows',
      columns: COLUMNS,
      rows: each(result.ranges.map((range) => rowOf(range, views))),
      headings: result.ranges.length > 0,
      exit: () => exitOf(result.ranges),
    };
  },
};

function rowOf(raised: RaisedRange, views: readonly NodeView[]): Row {
  return [
    number(raised.range),
    text(raised.namespace),
    number(raised.epoch),
    number(raised.epochSeen),
    text(raised.outcome),
    raised.node === null ? none : node(nameOf(raised.node, views)),
    text(raised.reason),
  ];
}

/** Names the nodes that have not reported, and says what it means to go on without them. */
function remarkMissingReports(
  call: Call,
  result: RaisedEpochs,
  views: readonly NodeView[],
  force: boolean,
): void {
  const { silent, ranges } = result;
  for (const { node: id, reason } of silent)
    call.remark(`${nameOf(id, views).name} (${id}) has not reported: ${reason}`);
  if (silent.length === 0 || ranges.length === 0) return;
  if (force)
    call.remark(
      '--force: acknowledged writes that only such a node holds are lost where a range begins again',
    );
  else
    call.remark(
      'Such a node may hold acknowledged writes that the others lack, so no range begins again without it. Start it, or `forget` it if it ' +
        'has no replica. --force goes on without it: what only it holds is then lost, and it catches up with the others when it is back.',
    );
}

function exitOf(ranges: readonly RaisedRange[]): ExitCode {
  if (ranges.some(({ outcome }) => outcome === 'unknown')) return EXIT.outcomeUnknown;
  return ranges.some(({ outcome }) => outcome === 'refused') ? EXIT.failed : EXIT.ok;
}

export const RAISE_VERBS: readonly Verb[] = [raiseEpochs];
