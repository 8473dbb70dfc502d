// The mark of an answer that may be out of date.

import type { Freshness } from '../../answers.ts';
import { formatMs } from './format.ts';

export function StaleMark({ stale, staleMs }: Freshness) {
  if (!stale) return null;
  return (
    <span
      class="pill warn"
      title="From a replica, or from an owner that could not guarantee that it is up to date."
    >
      stale{staleMs === null ? ', age not known' : ` by ${formatMs(Math.ceil(staleMs))} at most`}
    </span>
  );
}
