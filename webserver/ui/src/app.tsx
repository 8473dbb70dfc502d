// The page: first the problems, then the key space, the nodes and the events, then the keys.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { RangeId } from '../../../common/model/ids.ts';
import type { FeedState } from '../../feed.ts';
import { successorOf } from '../../range-signs.ts';
import { Banners } from './banners.tsx';
import { Events } from './events.tsx';
import { Header } from './header.tsx';
import { usePage, useServerNow } from './hooks.ts';
import { KeyBrowser } from './key-browser.tsx';
import { KeySpace } from './key-space.tsx';
import { Names } from './names.ts';
import { Nodes } from './nodes.tsx';
import type { RequestContext } from './request-form.tsx';
import type { Store } from './store.ts';
import { Tasks } from './tasks.tsx';

export function App({ store }: { store: Store }) {
  const { link, feed, clockOffset } = usePage(store);
  const now = useServerNow(clockOffset);
  const isThere = feed !== null && feed.overview.clusterId !== null;
  const wasThere = useRef(false);
  wasThere.current ||= isThere;
  return (
    <>
      <Header link={link} feed={feed} now={now} clockOffset={clockOffset} />
      <main class={link.kind === 'lost' ? 'outdated' : ''}>
        {feed === null ? (
          <Notice title="Connecting…">The page is waiting for the webserver.</Notice>
        ) : (
          !isThere && <NoCluster feed={feed} />
        )}
        {/* It stays while the cluster is out of sight: somebody may have typed into it. */}
        {feed !== null && wasThere.current && (
          <div class="cluster" hidden={!isThere}>
            <Cluster feed={feed} now={now} />
          </div>
        )}
      </main>
    </>
  );
}

function Cluster({ feed, now }: { feed: FeedState; now: number }) {
  const [chosen, select] = useState<RangeId | null>(null);
  const selected = followed(feed, chosen);
  const [asked, ask] = useState<{ namespace: string; start: string } | null>(null);
  const keys = useRef<HTMLDivElement>(null);
  const names = new Names(feed.nodes);
  const context: RequestContext = { namespace: someNamespace(feed), names, tasks: feed.tasks };
  useEffect(() => {
    if (selected !== chosen) select(selected);
  }, [selected]);
  useEffect(() => {
    if (asked !== null) keys.current?.scrollIntoView({ behavior: 'smooth' });
  }, [asked]);
  return (
    <>
      <Banners feed={feed} now={now} select={select} />
      <KeySpace
        feed={feed}
        names={names}
        now={now}
        selected={selected}
        select={select}
        browse={(namespace, start) => ask({ namespace, start })}
      />
      <div class="columns">
        <div class="stack">
          <Nodes nodes={feed.nodes} context={context} now={now} />
          <Tasks context={context} notShown={feed.overview.tasksNotShown} />
        </div>
        <Events events={feed.events} names={names} select={select} />
      </div>
      <div ref={keys}>
        <KeyBrowser feed={feed} names={names} asked={asked} />
      </div>
    </>
  );
}

/** The chosen range, or what came of it if it was split or merged. */
function followed({ ranges }: FeedState, chosen: RangeId | null): RangeId | null {
  if (chosen === null || ranges.some(({ id }) => id === chosen)) return chosen;
  return successorOf(ranges, chosen)?.id ?? chosen;
}

/** For requests that are about no namespace: the path of each names one. */
function someNamespace({ namespaces, overview }: FeedState): string {
  const names = namespaces.map(({ name }) => name);
  return names.includes(overview.namespace) ? overview.namespace : (names[0] ?? overview.namespace);
}

function NoCluster({ feed }: { feed: FeedState }) {
  return feed.overview.zookeeper ? (
    <Notice title="No cluster yet">
      ZooKeeper answers, but there is no cluster under this root yet. Start a coordinator and nodes with the
      same <code>--zk</code>. This page shows them once they have started.
    </Notice>
  ) : (
    <Notice title="ZooKeeper does not answer">
      The webserver keeps trying to connect. This page shows the cluster once ZooKeeper answers.
    </Notice>
  );
}

function Notice({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="card notice" role="status">
      <h2>{title}</h2>
      <p>{children}</p>
    </section>
  );
}
