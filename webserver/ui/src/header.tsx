// The top line: the cluster, its leader, and whether the page is up to date.

import { formatDuration } from '../../../common/base/duration.ts';
import type { FeedState } from '../../feed.ts';
import { formatTime, plural } from './format.ts';
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
        {feed !== null && !feed.overview.zookeeper && (
          <span class="pill bad" title="Reads and writes go on while the owners' leases last.">
            No answer from ZooKeeper for {formatDuration(now - feed.overview.zookeeperSince)}
          </span>
        )}
        <LinkState link={link} now={now - clockOffset} />
      </div>
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
