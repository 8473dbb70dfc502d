// The verb that compares the replicas of ranges.

import type { Client } from '../../client/api.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { RangeCheck } from '../../common/model/range-check.ts';
import { EXIT } from '../../common/process/exit.ts';
import { type Answer, type Column, node, number, type Row, text } from '../answer.ts';
import { UsageError } from '../failures.ts';
import type { Call, Verb } from '../session.ts';
import { ask, askWithFreshRanges, nameOf } from './verb.ts';

const COLUMNS: readonly Column[] = ['range', 'node', 'seq', 'rows', 'checksum', 'verdict'].map((name) => ({
  name,
}));

const check: Verb = {
  name: 'check',
  summary: 'compare the replicas of each range: rows and checksums at one seq',
  details: [
    'With RANGE (a number, as `ranges` shows it), it checks only that range. It reads every row of every replica, and slows down',
    'while the cluster is busy. A replica that differs from a majority is `damaged`: its node sets its data aside and is rebuilt.',
    'Ends with 1 if any replicas differ.',
  ].join('\n'),
  parameters: [{ name: 'RANGE', kind: 'text', optional: true }],
  options: [],
  async run(call): Promise<Answer> {
    const wanted = rangeOf(call.args.textOrNone('RANGE'));
    const known = await askWithFreshRanges(call, (client) =>
      client.ranges().map(({ descriptor }) => descriptor.id),
    );
    if (wanted !== null && !known.includes(wanted)) throw new UsageError(`there is no range ${wanted}`);
    const client = await ask(call, async (connected) => connected);
    const found = { differs: false };
    return {
      kind: 'rows',
      columns: COLUMNS,
      rows: checkAll(call, client, wanted === null ? known : [wanted], found),
      headings: true,
      exit: () => (found.differs ? EXIT.failed : EXIT.ok),
    };
  },
};

function rangeOf(given: string | undefined): RangeId | null {
  if (given === undefined) return null;
  if (!/^[0-9]{1,15}$/.test(given)) throw new UsageError(`RANGE is a number: ${given}`);
  return Number(given);
}

/** Checks one range after the other, so that the rows of each are shown as soon as it is checked. */
async function* checkAll(
  call: Call,
  client: Client,
  ranges: readonly RangeId[],
  found: { differs: boolean },
): AsyncIterableIterator<Row> {
  for (const range of ranges) {
    const result = await ask(call, () => client.checkRange(range));
    if (result.verdict === 'damaged' || result.verdict === 'undecided') found.differs = true;
    yield* rowsOf(result, client);
  }
}

function* rowsOf({ range, seq, replicas }: RangeCheck, client: Client): Iterable<Row> {
  const views = client.nodes();
  for (const replica of replicas) {
    yield [
      number(range),
      node(nameOf(replica.node, views)),
      number(seq),
      number(replica.rows),
      text(replica.checksum === null ? null : replica.checksum.toString(16).padStart(8, '0')),
      text(replica.verdict),
    ];
  }
}

export const CHECK_VERBS: readonly Verb[] = [check];
