// The health of the cluster in one line.

import { useMemo } from 'preact/hooks';
import type { FeedState } from '../../feed.ts';
import { pageHealth } from '../../page-health.ts';

/** @param props.outdated the feed is as last known, because the page has lost the webserver */
export function HealthLine({ feed, outdated }: { feed: FeedState; outdated: boolean }) {
  const { kind, sentences } = useMemo(() => pageHealth(feed), [feed]);
  return (
    <p class={`health ${kind} ${outdated ? 'outdated' : ''}`} role="status" aria-label="Health">
      {outdated && <span>last known: </span>}
      {sentences.join(' · ')}
    </p>
  );
}
