// How many replicas move at once off a node that drains.

import test from 'ava';
import { DEFAULT_PLAN, type PlanConfig } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import { createTask, IDLE_MS, settled } from '../../support/small-cluster.ts';

const drainMoves = test.macro({
  exec(t, config: Partial<PlanConfig>, expected: { readonly all?: number; readonly eachMost: number }) {
    const cluster = settled(5);
    const splitAt = Array.from({ length: 80 }, (_, at) => `k${at}`);
    cluster.ask('c', createTask({ name: 'many', splitAt }));
    cluster.settle(DEFAULT_PLAN, IDLE_MS);
    cluster.ask('t', { kind: 'drain', node: 'n1' });
    const changed = { ...DEFAULT_PLAN, ...config };
    cluster.round(changed, 0);
    const targets = plan(cluster.view(), changed).flatMap((step) =>
      step.kind === 'range' && step.change === 'move-replica' ? [step.node] : [],
    );
    if (expected.all !== undefined) t.is(targets.length, expected.all);
    const counts = [...cluster.live.keys()].map((node) => targets.filter((target) => target === node).length);
    t.is(Math.max(...counts), expected.eachMost, `${counts}`);
  },
  title: (what) => `moves at once off a node that drains: ${what}`,
});

test('more than for balance', drainMoves, { drainMovesAtOnce: 20 }, { all: 20, eachMost: 7 });
test('as many as are allowed', drainMoves, { drainMovesAtOnce: 10 }, { all: 10, eachMost: 4 });
test('as many as other nodes may catch up with', drainMoves, { learnersPerNode: 2 }, { eachMost: 2 });
test('none while too many bytes are moved', drainMoves, { moveBytesAtOnce: 0 }, { all: 0, eachMost: 0 });
