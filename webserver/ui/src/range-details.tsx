// The details of one range.

import { formatDuration } from '../../../common/base/duration.ts';
import { copiesSentence, isShort } from '../../../common/model/health.ts';
import { Machines } from '../../../common/model/machines.ts';
import type { LoadRow, RangeRow, ReplicaRow } from '../../feed.ts';
import { copiesOf, copyState } from '../../page-health.ts';
import { placementSigns, stateSigns } from '../../range-signs.ts';
import { formatCount, formatEnd, formatMs, formatSize, formatStart, formatTime } from './format.ts';
import type { Names } from './names.ts';
import { NodeName } from './node-name.tsx';
import { RangeActions } from './range-actions.tsx';
import type { RequestContext } from './request-form.tsx';

interface RangeDetailsProps {
  readonly range: RangeRow;
  /** How many copies it should have. */
  readonly desired: number;
  /** Undefined: its owner has not reported it. */
  readonly load: LoadRow | undefined;
  readonly context: RequestContext;
  readonly now: number;
  readonly close: () => void;
  readonly browse: () => void;
}

export function RangeDetails({ range, desired, load, context, now, close, browse }: RangeDetailsProps) {
  const { names } = context;
  return (
    <section class="details" aria-label={`Range ${range.id}`}>
      <div class="card-head">
        <h4>
          Range {range.id} <ConditionPill range={range} now={now} /> <Signs range={range} />
        </h4>
        <button type="button" onClick={browse}>
          Browse keys
        </button>
        <button type="button" onClick={close} aria-label="Close details">
          Close
        </button>
      </div>
      <CopiesLine range={range} desired={desired} names={names} />
      {range.why !== null && (
        <p class="why">
          {range.change === 'merging' ? 'To be merged' : 'To be split'}: {names.inText(range.why)}
        </p>
      )}
      <Facts range={range} load={load} names={names} />
      <RangeActions range={range} context={context} />
      <div class="scroll-x">
        <Replicas range={range} names={names} />
      </div>
    </section>
  );
}

interface RangeProps {
  readonly range: RangeRow;
  readonly names: Names;
}

function CopiesLine({ range, desired, names }: RangeProps & { readonly desired: number }) {
  const copies = copiesOf(range, desired, names.rows);
  return (
    <p class={isShort(copies) ? 'copies warn' : 'copies'}>
      {copiesSentence(copies, new Machines([...names.rows.values()]))}
    </p>
  );
}

function Facts({ range, load, names }: RangeProps & { readonly load: LoadRow | undefined }) {
  return (
    <dl class="facts-grid">
      <Fact term="From">
        <code>{formatStart(range.start)}</code>
      </Fact>
      <Fact term="To (exclusive)">
        <code>{formatEnd(range.end)}</code>
      </Fact>
      <Fact term="Owner">
        <NodeName node={range.owner} names={names} />
      </Fact>
      <Fact term="Epoch">{range.epoch}</Fact>
      <Fact term="Committed up to">{range.commitSeq === null ? '?' : formatCount(range.commitSeq)}</Fact>
      <Fact term="Log entries">{range.entries === null ? '?' : formatCount(range.entries)}</Fact>
      <Fact term="Min in-sync">{range.minInSync}</Fact>
      <Fact term="Bytes">{typeof load?.bytes === 'number' ? formatSize(load.bytes) : '?'}</Fact>
      <Fact term="Reads a second">{load === undefined ? '?' : formatCount(load.reads)}</Fact>
      <Fact term="Writes a second">{load === undefined ? '?' : formatCount(load.writes)}</Fact>
      {range.parents.length > 0 && <Fact term="Came of">{parentsText(range)}</Fact>}
      {range.transferTo !== null && (
        <Fact term="Handing over to">
          <NodeName node={range.transferTo} names={names} />
        </Fact>
      )}
      {range.retire !== null && (
        <Fact term="To be removed">
          <NodeName node={range.retire} names={names} />
        </Fact>
      )}
    </dl>
  );
}

function Replicas({ range, names }: RangeProps) {
  return (
    <table class="replicas">
      <thead>
        <tr>
          <th scope="col">Replica</th>
          <th scope="col">Role</th>
          <th scope="col">In-sync</th>
          <th scope="col" class="number">
            Applied
          </th>
          <th scope="col" class="number">
            Lag
          </th>
          <th scope="col">Reads from it</th>
        </tr>
      </thead>
      <tbody>
        {range.replicas.map((replica) => (
          <ReplicaLine key={replica.node} range={range} replica={replica} names={names} />
        ))}
      </tbody>
    </table>
  );
}

function ReplicaLine({ range, replica, names }: RangeProps & { readonly replica: ReplicaRow }) {
  return (
    <tr>
      <th scope="row">
        <NodeName node={replica.node} names={names} />
      </th>
      <td data-label="Role">
        {roleText(range, replica, names)}
        {names.unreachable(replica.node) && <small class="warn"> others cannot reach it</small>}
      </td>
      <td data-label="In-sync">
        <span
          class={`pip ${copyState(range, replica, names.rows)} ${names.colour(replica.node)}`}
          aria-hidden="true"
        />{' '}
        {replica.inSync ? 'yes' : 'no'}
      </td>
      <td data-label="Applied" class="number">
        {replica.appliedSeq === null ? '?' : formatCount(replica.appliedSeq)}
      </td>
      <td data-label="Lag" class="number">
        {replica.lag === null ? '?' : formatCount(replica.lag)}
      </td>
      <td data-label="Reads from it">{freshness(range, replica)}</td>
    </tr>
  );
}

/** What the node reports as its role, or why it reports none. */
function roleText(range: RangeRow, replica: ReplicaRow, names: Names): string {
  const state = copyState(range, replica, names.rows);
  if (state === 'gone') return 'node down';
  if (state === 'silent') return 'no answer';
  return replica.role ?? 'not known';
}

function freshness(range: RangeRow, replica: ReplicaRow): string {
  if (replica.role === null) return 'none';
  if (replica.node === range.owner) return range.condition === 'serving' ? 'linearizable' : 'stale for now';
  return replica.staleMs === null ? 'stale, age not known' : `stale by ${formatMs(replica.staleMs)} at most`;
}

/** The nearest first. Those before them are not told. */
function parentsText({ parents }: RangeRow): string {
  const named = parents.slice(0, PARENTS_SHOWN).join(', ');
  return parents.length > PARENTS_SHOWN ? `${named}, …` : named;
}

const PARENTS_SHOWN = 4;

function Signs({ range }: { range: RangeRow }) {
  const changes = stateSigns({ ...range, condition: 'serving' });
  return (
    <>
      {[...changes, ...placementSigns(range)].map(({ sign, word }) => (
        <span key={word} class="pill sign">
          <span aria-hidden="true">{sign}</span> {word}
        </span>
      ))}
    </>
  );
}

function ConditionPill({ range, now }: { range: RangeRow; now: number }) {
  const tone = range.condition === 'serving' ? 'good' : range.condition === 'unknown' ? '' : 'bad';
  const since =
    range.since === null || range.change === 'replaced'
      ? ''
      : ` since ${formatTime(range.since)} · ${formatDuration(Math.max(0, now - range.since))}`;
  return (
    <span class={`pill ${tone}`}>
      {range.condition}
      {since}
    </span>
  );
}

function Fact({ term, children }: { term: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}
