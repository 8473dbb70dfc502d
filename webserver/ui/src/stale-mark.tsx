// The mark of an answer that may be behind.

import type { Freshness } from '../../answers.ts';
import { formatMs } from './format.ts';

export function StaleMark({ stale, staleMs }: Freshness) {
  if (!stale) return null;
  return (
    <span class="pill warn" title="From a replica, or from an owner that could not vouch for it.">
      stale{staleMs === null ? ', age not known' : ` by ${formatMs(Math.ceil(staleMs))} at most`}
    </span>
  );
}
