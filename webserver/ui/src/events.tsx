// The events of the cluster, newest first.

import type { RangeId } from '../../../common/model/ids.ts';
import type { EventRow } from '../../feed.ts';
import { formatMoment, formatTime } from './format.ts';
import type { Names } from './names.ts';

interface EventsProps {
  readonly events: readonly EventRow[];
  readonly names: Names;
  readonly select: (range: RangeId) => void;
}

export function Events({ events, names, select }: EventsProps) {
  return (
    <section class="card" aria-labelledby="events">
      <div class="card-head">
        <h2 id="events">Events</h2>
        <small>newest first</small>
      </div>
      {events.length === 0 ? (
        <p class="empty">Nothing has happened yet.</p>
      ) : (
        <ol class="events">
          {events.map((event) => (
            <EventLine key={event.seq} event={event} names={names} select={select} />
          ))}
        </ol>
      )}
    </section>
  );
}

function EventLine({
  event,
  names,
  select,
}: {
  event: EventRow;
  names: Names;
  select: (range: RangeId) => void;
}) {
  const { range } = event;
  return (
    <li>
      <time title={formatMoment(event.at)}>{formatTime(event.at)}</time>
      <div>
        <span class="kind">{event.kind}</span>
        {range !== undefined && (
          <button type="button" class="link" onClick={() => select(range)}>
            range {range}
          </button>
        )}
        {event.epoch !== undefined && <span class="muted">epoch {event.epoch}</span>}
        <p>
          {names.inText(event.text)} <span class="muted">· {names.of(event.by)}</span>
        </p>
      </div>
    </li>
  );
}
