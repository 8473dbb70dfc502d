// When /readyz of a registered node says no, and why.

import test from 'ava';
import type { Unreachable } from '../../../../common/model/records.ts';
import { whyNotReady } from '../../../../kvnode/health/readiness.ts';

interface Facts {
  readonly unfit?: string;
  readonly unreachable?: Unreachable;
  readonly owned?: number;
  readonly served?: number;
}

const readiness = test.macro({
  exec(t, _: string, { unfit, unreachable, owned = 0, served = 0 }: Facts, why: RegExp | null) {
    const found = whyNotReady(
      { unfit: unfit ?? null, ownership: () => ({ owned, served }) },
      unreachable ?? null,
    );
    if (why === null) t.is(found, null);
    else t.regex(found ?? 'ready', why);
  },
  title: (_, what: string, __: unknown, why: RegExp | null) =>
    `${why === null ? 'ready' : 'not ready'}: ${what}`,
});

test(readiness, 'a healthy node that owns nothing', {}, null);
test(readiness, 'one that serves some of its ranges', { owned: 3, served: 1 }, null);
test(readiness, 'one that serves none of them', { owned: 3 }, /serves none of the 3 ranges/);
test(readiness, 'one whose disk is full', { unfit: 'the disk is full' }, /disk is full/);
const unreachable = { by: ['n-1', 'n-2'], since: 0, cutOff: true };
test(readiness, 'one that is cut off', { unreachable }, /no connection with n-1, n-2/);
test(
  readiness,
  'one that misses a single connection',
  { unreachable: { ...unreachable, cutOff: false } },
  null,
);
