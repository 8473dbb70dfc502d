// When /readyz of a registered node says that it is not ready, and why.

import test from 'ava';
import type { Unreachable } from '../../../../common/model/records.ts';
import { notReadyReason } from '../../../../kvnode/health/readiness.ts';

interface Facts {
  readonly unhealthy?: string;
  readonly unreachable?: Unreachable;
  readonly owned?: number;
  readonly served?: number;
}

const readiness = test.macro({
  exec(t, _: string, { unhealthy, unreachable, owned = 0, served = 0 }: Facts, why: RegExp | null) {
    const found = notReadyReason(
      { unhealthyReason: unhealthy ?? null, ownedCounts: () => ({ owned, served }) },
      unreachable ?? null,
    );
    if (why === null) t.is(found, null);
    else t.regex(found ?? 'ready', why);
  },
  title: (_, what: string, __: unknown, why: RegExp | null) =>
    `${why === null ? 'ready' : 'not ready'}: ${what}`,
});

test(readiness, 'a healthy node that owns nothing', {}, null);
test(readiness, 'a node that serves some of its ranges', { owned: 3, served: 1 }, null);
test(readiness, 'a node that serves none of its ranges', { owned: 3 }, /serves none of the 3 ranges/);
test(readiness, 'a node whose disk is full', { unhealthy: 'the disk is full' }, /disk is full/);
const unreachable = { by: ['n-1', 'n-2'], since: 0, cutOff: true };
test(readiness, 'a node that is cut off', { unreachable }, /no connection with n-1, n-2/);
test(
  readiness,
  'a node that lacks a single connection',
  { unreachable: { ...unreachable, cutOff: false } },
  null,
);
