// The key space: a bar of ranges for each namespace, and the details of the selected range.

import { useState } from 'preact/hooks';
import { compareBytes, parseBytes } from '../../../common/base/bytes.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { NamespaceRecord } from '../../../common/model/records.ts';
import type { FeedState, RangeRow } from '../../feed.ts';
import { RANGE_SIGNS } from '../../range-signs.ts';
import { plural } from './format.ts';
import type { Names } from './names.ts';
import { RangeBar, type Width } from './range-bar.tsx';
import { RangeDetails } from './range-details.tsx';
import type { RequestContext } from './request-form.tsx';

interface KeySpaceProps {
  readonly feed: FeedState;
  readonly names: Names;
  readonly now: number;
  readonly selected: RangeId | null;
  readonly select: (range: RangeId | null) => void;
  /** Shows the keys from the start of a range on. */
  readonly browse: (namespace: string, start: string) => void;
}

export function KeySpace(props: KeySpaceProps) {
  const { feed } = props;
  const [width, setWidth] = useState<Width>('equal');
  return (
    <section class="card" aria-labelledby="key-space">
      <div class="card-head">
        <h2 id="key-space">Key space</h2>
        <Legend />
        <fieldset class="choice">
          <legend>Width</legend>
          <WidthButton width="equal" now={width} set={setWidth} label="equal" />
          <WidthButton width="entries" now={width} set={setWidth} label="by writes" />
        </fieldset>
      </div>
      {feed.namespaces.length === 0 && <p class="empty">No namespace yet.</p>}
      {feed.namespaces.map((namespace) => (
        <Namespace key={namespace.name} {...props} namespace={namespace} width={width} />
      ))}
      {feed.overview.rangesNotShown > 0 && (
        <p class="empty">{plural(feed.overview.rangesNotShown, 'more range')} not shown.</p>
      )}
    </section>
  );
}

function Namespace(props: KeySpaceProps & { namespace: NamespaceRecord; width: Width }) {
  const { feed, names, namespace, width, selected, select } = props;
  const ranges = rangesOf(feed, namespace.name);
  const context: RequestContext = { namespace: namespace.name, names, tasks: feed.tasks };
  const detailed = ranges.find((range) => range.id === selected);
  return (
    <div class="namespace">
      <h3>
        {namespace.name}
        <small>
          {plural(ranges.length, 'range')} · {namespace.replicationFactor} replicas each · min in-sync{' '}
          {namespace.minInSync}
        </small>
      </h3>
      {ranges.length === 0 ? (
        <p class="empty">Its first ranges are created once enough nodes are live.</p>
      ) : (
        <RangeBar
          label={`Ranges of ${namespace.name}`}
          ranges={ranges}
          desired={namespace.replicationFactor}
          names={names}
          width={width}
          selected={selected}
          select={select}
        />
      )}
      {detailed !== undefined && (
        <RangeDetails
          range={detailed}
          desired={namespace.replicationFactor}
          load={feed.loads.find(({ range }) => range === detailed.id)}
          context={context}
          now={props.now}
          close={() => select(null)}
          browse={() => props.browse(namespace.name, detailed.start)}
        />
      )}
    </div>
  );
}

/** The ranges of a namespace in key order. The feed has them in order of ids, and text forms do not sort as their bytes do. */
function rangesOf(feed: FeedState, namespace: string): readonly RangeRow[] {
  return feed.ranges
    .filter((range) => range.namespace === namespace)
    .map((range) => ({ range, start: parseBytes(range.start) }))
    .sort((a, b) => compareBytes(a.start, b.start))
    .map(({ range }) => range);
}

function Legend() {
  return (
    <ul class="legend" aria-label="Marks of replicas, and signs of ranges">
      <li>
        <span class="pip owner" aria-hidden="true" /> owner
      </li>
      <li>
        <span class="pip in-sync" aria-hidden="true" /> in-sync
      </li>
      <li>
        <span class="pip learner" aria-hidden="true" /> learner
      </li>
      <li>
        <span class="pip silent" aria-hidden="true" /> no answer
      </li>
      <li>
        <span class="pip gone" aria-hidden="true" /> down
      </li>
      {RANGE_SIGNS.map(({ sign, word }) => (
        <li key={word}>
          <span class="sign" aria-hidden="true">
            {sign}
          </span>{' '}
          {word}
        </li>
      ))}
    </ul>
  );
}

function WidthButton(props: { width: Width; now: Width; set: (width: Width) => void; label: string }) {
  return (
    <button type="button" aria-pressed={props.width === props.now} onClick={() => props.set(props.width)}>
      {props.label}
    </button>
  );
}
