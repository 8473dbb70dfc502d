// The top lines: the cluster, its leader, whether the page is up to date, and the health of the cluster.

import { formatDuration } from '../../../common/base/duration.ts';
import type { FeedState } from '../../feed.ts';
import { formatTime, plural } from './format.ts';
import { HealthLine } from './health-line.tsx';
import type { Link } from './store.ts';

interface HeaderProps {
  readonly link: Link;
  readonly feed: FeedState | null;
  /** The webserver's clock, Unix ms. */
  readonly now: number;
  readonly clockOffset: number;
}

export function Header({ link, feed, now, clockOffset }: HeaderProps) {
  const leader = feed?.coordinators.find((row) => row.leader);
  return (
    <header class="top">
      <h1>Rangekeeper</h1>
      {feed !== null && feed.overview.clusterId !== null && (
        <p class="facts">
          <span>
            cluster <code>{feed.overview.clusterId.slice(0, 8)}</code>
          </span>
          <span>
            {leader === undefined ? 'no coordinator' : `coordinator ${leader.host}:${leader.pid}`}
            {feed.coordinators.length > 1 && ` and ${feed.coordinators.length - 1} standing by`}
          </span>
          <span>{plural(feed.ranges.length, 'range')}</span>
        </p>
      )}
      <div class="states">
        <LinkState link={link} now={now - clockOffset} />
      </div>
      {feed !== null && feed.overview.clusterId !== null && (
        <HealthLine feed={feed} outdated={link.kind === 'lost'} />
      )}
    </header>
  );
}

function LinkState({ link, now }: { link: Link; now: number }) {
  switch (link.kind) {
    case 'connecting':
      return (
        <span class="pill" role="status">
          connecting
        </span>
      );
    case 'live':
      return (
        <span class="pill good" role="status">
          live
        </span>
      );
    case 'lost':
      return (
        <>
          <span class="muted">
            as of {formatTime(link.since)}, {formatDuration(now - link.since)} ago
          </span>
          <span class="pill bad" role="status">
            reconnecting
          </span>
        </>
      );
  }
}
