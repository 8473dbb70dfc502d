// What is wrong with the cluster, by cause: ZooKeeper, then the coordinators, then nodes, then single ranges. One cause often stops
// many ranges. Each range is told under the first cause that explains it, so one fault is one incident. Pure: the feed and the time
// in, sentences out.

import { counted, listed } from '../common/base/words.ts';
import type { FeedState, NodeRow, RangeRow } from './feed.ts';
import {
  type Finding,
  groupedBy,
  IncidentFacts,
  type Symptom,
  symptomsOf,
  type Trouble,
} from './incident-facts.ts';
import { hasLeader } from './page-health.ts';

export type Cause = 'zookeeper' | 'webserver' | 'coordinator' | 'silent-nodes' | 'lapsed-nodes' | 'ranges';

export interface Incident {
  readonly cause: Cause;
  /** `bad`: something stands still, or will in a moment. `warn`: everything serves for now. */
  readonly tone: 'bad' | 'warn';
  readonly title: string;
  /** Unix ms of the webserver's clock; null: not known. */
  readonly since: number | null;
  readonly symptoms: readonly Symptom[];
}

/** A cause that was found. */
interface Found {
  readonly explains: (finding: Finding) => boolean;
  /** Null: nothing is left to say. @param findings those that it explains and no graver cause does */
  readonly incident: (findings: readonly Finding[]) => Incident | null;
}

/** The incidents, the gravest cause first. @param now Unix ms of the webserver's clock */
export function incidentsOf(feed: FeedState, now: number): readonly Incident[] {
  const facts = new IncidentFacts(feed, now);
  const found = [...zookeeper(facts), ...coordinator(facts), ...silentNodes(facts), ...lapsedNodes(facts)];
  let left = facts.findings;
  const incidents = found.flatMap(({ explains, incident }) => {
    const explained = left.filter(explains);
    left = left.filter((finding) => !explains(finding));
    return incident(explained) ?? [];
  });
  return [...incidents, ...rangesAlone(left)];
}

function zookeeper(facts: IncidentFacts): readonly Found[] {
  const { overview, nodes } = facts.feed;
  const { zookeeper, zookeeperSince: since, leasesRenewed } = overview;
  if (!zookeeper && leasesRenewed) return [webserverCutOff(since)];
  if (!zookeeper) return [leasesLapse('ZooKeeper does not answer', () => since)];
  if (facts.zookeeperReturns) return [zookeeperIsBack(since)];
  const allLapsed =
    facts.lapsed.length > 1 && nodes.every(({ leaseMs }) => leaseMs === null || leaseMs === 0);
  return allLapsed ? [leasesLapse('No node can renew its lease in ZooKeeper', earliest)] : [];
}

const LEASE_TROUBLES: ReadonlySet<Trouble | null> = new Set(['no-lease', 'no-owner', 'starting']);

function leasesLapse(title: string, since: (findings: readonly Finding[]) => number | null): Found {
  return {
    explains: ({ trouble }) => LEASE_TROUBLES.has(trouble),
    incident: (findings) => ({
      cause: 'zookeeper',
      tone: 'bad',
      title,
      since: since(findings),
      symptoms: [
        about(
          findings.some(({ trouble }) => trouble === 'no-lease')
            ? 'Leases have lapsed, so owners serve no writes and no linearizable reads.'
            : 'Leases lapse within seconds, and owners then stop serving writes and linearizable reads.',
        ),
        about('Until it answers, no owner is replaced and no copy joins or leaves an in-sync set.'),
        ...symptomsOf(findings),
      ],
    }),
  };
}

function zookeeperIsBack(since: number | null): Found {
  return {
    explains: ({ trouble }) => LEASE_TROUBLES.has(trouble),
    incident(findings) {
      if (findings.length === 0) return null;
      return {
        cause: 'zookeeper',
        tone: 'bad',
        title: 'ZooKeeper has just begun to answer',
        since,
        symptoms: [
          about('Nodes register in new sessions, and owners begin in new epochs.'),
          ...symptomsOf(findings),
        ],
      };
    },
  };
}

function webserverCutOff(since: number | null): Found {
  return {
    explains: () => false,
    incident: () => ({
      cause: 'webserver',
      tone: 'warn',
      title: 'ZooKeeper does not answer this webserver',
      since,
      symptoms: [
        about('Nodes still renew their leases there, so reads and writes go on.'),
        about('Owners, copies and events on this page may be out of date.'),
      ],
    }),
  };
}

function coordinator({ feed, zookeeperReturns }: IncidentFacts): readonly Found[] {
  if (hasLeader(feed) || !feed.overview.zookeeper || zookeeperReturns) return [];
  return [
    {
      explains: ({ trouble }) => trouble === 'no-owner',
      incident: (findings) => ({
        cause: 'coordinator',
        tone: toneOf(findings),
        title: 'No coordinator leads',
        since: earliest(findings),
        symptoms: [
          about('No lost owner is replaced, and no copy is made, until a coordinator runs.'),
          ...symptomsOf(findings),
        ],
      }),
    },
  ];
}

function silentNodes({ feed, silent }: IncidentFacts): readonly Found[] {
  if (silent.length === 0) return [];
  const ids = new Set(silent.map(({ id }) => id));
  const paused = feed.overview.zookeeper ? silent.filter(({ alive }) => alive) : [];
  return [
    {
      explains: ({ range, trouble }) =>
        trouble !== 'no-lease' && range.replicas.some(({ node }) => ids.has(node)),
      incident: (findings) => ({
        cause: 'silent-nodes',
        tone: toneOf(findings),
        title: `${namesOf(silent)} ${silent.length === 1 ? 'does' : 'do'} not answer`,
        since: earliestOf(silent.map(({ silentSince, goneSince }) => silentSince ?? goneSince)),
        symptoms: [
          ...(paused.length === 0
            ? []
            : [
                about(
                  `The ZooKeeper session of ${namesOf(paused)} still lives; others take over when it ends.`,
                ),
              ]),
          ...symptomsOf(findings),
        ],
      }),
    },
  ];
}

function lapsedNodes({ lapsed }: IncidentFacts): readonly Found[] {
  const ids = new Set(lapsed.map(({ id }) => id));
  const leases = lapsed.length === 1 ? 'its lease' : 'their leases';
  return [
    {
      explains: ({ range, trouble }) => trouble === 'no-lease' && ids.has(range.owner),
      incident(findings) {
        if (findings.length === 0) return null;
        return {
          cause: 'lapsed-nodes',
          tone: 'bad',
          title: `${namesOf(lapsed)} cannot renew ${leases} in ZooKeeper`,
          since: earliest(findings),
          symptoms: symptomsOf(findings),
        };
      },
    },
  ];
}

/** What is said of ranges that no other cause explains. */
const TITLES: Readonly<Record<Trouble, readonly [one: string, many: string]>> = {
  'no-owner': ['has no owner', 'have no owner'],
  'read-only': ['is read-only', 'are read-only'],
  waiting: ['waits for an in-sync copy', 'wait for an in-sync copy'],
  'no-lease': ['has an owner without a lease', 'have owners without a lease'],
  starting: ['is starting', 'are starting'],
  silent: ['has a silent owner', 'have silent owners'],
};

/** One for each trouble. A copy that is only catching up is no incident. */
function rangesAlone(findings: readonly Finding[]): readonly Incident[] {
  const byTrouble = groupedBy(findings, ({ trouble }) => trouble);
  return [...byTrouble].flatMap(([trouble, same]): readonly Incident[] => {
    if (trouble === null) return [];
    const [one, many] = TITLES[trouble];
    const title =
      same.length === 1 ? `Range ${same[0]?.range.id} ${one}` : `${counted(same.length, 'range')} ${many}`;
    return [{ cause: 'ranges', tone: 'bad', title, since: earliest(same), symptoms: symptomsOf(same) }];
  });
}

function about(text: string): Symptom {
  return { ranges: [], text };
}

function toneOf(findings: readonly Finding[]): Incident['tone'] {
  return findings.some(({ isStopped }) => isStopped) ? 'bad' : 'warn';
}

function earliest(findings: readonly { readonly range: RangeRow }[]): number | null {
  return earliestOf(findings.map(({ range }) => range.since));
}

function earliestOf(times: readonly (number | null)[]): number | null {
  const known = times.flatMap((time) => time ?? []);
  return known.length === 0 ? null : Math.min(...known);
}

const NAMES_MAX = 4;

function namesOf(nodes: readonly NodeRow[]): string {
  const names = nodes.slice(0, NAMES_MAX).map(({ name }) => name);
  const more = nodes.length - names.length;
  return listed(more === 0 ? names : [...names, counted(more, 'more node')]);
}
