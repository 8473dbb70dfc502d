// What a range is doing, in one word for people. It follows from its descriptor, and from what the nodes say.

import type { Descriptor } from './descriptor.ts';

export const RANGE_CONDITIONS = [
  ...(['normal', 'splitting', 'merging', 'replaced', 'dropped', 'moving'] as const),
  ...(['read-only', 'no owner'] as const),
] as const;
export type RangeCondition = (typeof RANGE_CONDITIONS)[number];

export interface RangeFacts {
  /** The session of its owner is live. */
  readonly hasLiveOwner: boolean;
  /** Its owner says that it takes no writes. */
  readonly isReadOnly: boolean;
}

/** The worst comes first: a range without an owner that was to be split has no owner. */
export function conditionOf(
  descriptor: Descriptor,
  { hasLiveOwner, isReadOnly }: RangeFacts,
): RangeCondition {
  const { state, reshape, retire, transferTo } = descriptor;
  if (state !== 'serving') return state;
  if (!hasLiveOwner) return 'no owner';
  if (isReadOnly) return 'read-only';
  if (reshape !== null) return reshape.partner === null ? 'splitting' : 'merging';
  return retire !== null || transferTo !== null ? 'moving' : 'normal';
}
