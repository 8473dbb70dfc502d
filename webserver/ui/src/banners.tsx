// A banner for each incident: its cause, since when, and what it does to which ranges.

import { formatDuration } from '../../../common/base/duration.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { FeedState } from '../../feed.ts';
import type { Symptom } from '../../incident-facts.ts';
import { type Incident, incidentsOf } from '../../incidents.ts';
import { formatTime } from './format.ts';

/** How many ranges of one symptom are named. */
const RANGES_NAMED_MAX = 6;

interface BannersProps {
  readonly feed: FeedState;
  readonly now: number;
  readonly select: (range: RangeId) => void;
}

export function Banners({ feed, now, select }: BannersProps) {
  return (
    <ul class="banners" aria-live="polite" aria-label="What is wrong">
      {incidentsOf(feed, now).map((incident) => (
        <Banner key={`${incident.cause} ${incident.title}`} incident={incident} now={now} select={select} />
      ))}
    </ul>
  );
}

function Banner(props: {
  readonly incident: Incident;
  readonly now: number;
  readonly select: (range: RangeId) => void;
}) {
  const { incident, now, select } = props;
  return (
    <li class={`banner ${incident.tone} ${incident.cause}`}>
      <strong>{incident.title}</strong>
      {incident.since !== null && (
        <span class="since" aria-live="off">
          since {formatTime(incident.since)} · {formatDuration(now - incident.since)}
        </span>
      )}
      <ul class="symptoms">
        {incident.symptoms.map((symptom) => (
          <SymptomLine key={symptom.text} symptom={symptom} select={select} />
        ))}
      </ul>
    </li>
  );
}

function SymptomLine({ symptom, select }: { symptom: Symptom; select: (range: RangeId) => void }) {
  const { ranges, text } = symptom;
  if (ranges.length === 0) return <li>{text}</li>;
  const named = ranges.slice(0, RANGES_NAMED_MAX);
  const more = ranges.length - named.length;
  return (
    <li>
      {named.map((range, index) => (
        <span key={range}>
          {index > 0 && ', '}
          <button type="button" class="link" onClick={() => select(range)}>
            {index === 0 ? `Range ${range}` : range}
          </button>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}: {text}
    </li>
  );
}
