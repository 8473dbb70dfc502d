// The webserver's metrics.

import { memoryUsage } from 'node:process';
import type { Counter, Labels, Metrics } from '../common/net/metrics.ts';

export interface Counters {
  readonly requests: Counter;
  readonly failures: Counter;
  readonly refused: Counter;
  readonly pagesOpened: Counter;
  readonly pagesDropped: { readonly slow: Counter; readonly silent: Counter };
  readonly feedChanges: Counter;
}

export function makeCounters(metrics: Metrics): Counters {
  const counter = (name: string, help: string, labels: Labels = {}) =>
    metrics.counter(`rangekeeper_webserver_${name}_total`, help, labels);
  const dropped = (why: string) =>
    counter(
      'pages_dropped',
      'Pages that were disconnected because they read too slowly or did not answer pings',
      { why },
    );
  return {
    requests: counter('requests', 'HTTP requests answered'),
    failures: counter('failures', 'HTTP requests answered with a 5xx status'),
    refused: counter('refused', 'Requests and upgrades refused for a foreign Host or Origin'),
    pagesOpened: counter('pages_opened', 'Pages that connected to the feed'),
    pagesDropped: { slow: dropped('slow'), silent: dropped('silent') },
    feedChanges: counter('feed_changes', 'Changes sent to the pages'),
  };
}

export function addGauges(metrics: Metrics, pages: () => number): void {
  const gauge = (name: string, help: string, read: () => number) =>
    metrics.gauge(`rangekeeper_webserver_${name}`, help, read);
  gauge('pages', 'Pages connected to the feed', pages);
  gauge('resident_bytes', 'Resident memory of this process', () => memoryUsage.rss());
}
